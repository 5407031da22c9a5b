/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The boot assessment: what grubenv says of the set on trial, for the boot menu and for us.
 */

#include "stick.h"

#define ASSESSMENT_TRIES 3 /* boots that a new set has to come up in */

/* The `.old` set of the current tree, as liveng_previous tells. */
enum assessment_previous {
	PREVIOUS_GONE,	  /* "0": its names lead to what was written over it, if there are any */
	PREVIOUS_PROVEN,  /* "1": the menu may take it by itself */
	PREVIOUS_DOUBTED, /* "2": it is there, but was not seen to come up: for people to choose */
};

/** The boots left to the set on trial, 0 to 3; 0 also if what stands there is no such count; -1 if
 * none is on trial or the assessment is off. */
int assessment_tries(const struct stick *stick);

/** What grubenv says of the `.old` set; PREVIOUS_DOUBTED if it says nothing. */
enum assessment_previous assessment_previous(const struct stick *stick);

/** Does grubenv call the `.old` set bootable? It does of a proven one only. */
bool assessment_has_previous(const struct stick *stick);

/** 'A' or 'B': while another is on trial, the set in that slot is proven; 0: none is. Which of two
 * trees was current cannot be told from them if each names the other as its `.old` set. */
char assessment_proven_slot(const struct stick *stick);

/*
 * The transitions. Each is one write, and nothing if the assessment is off; a previous set that is
 * gone is not the next boot's choice any more. Each reports. Returns -ERR_FULL if grubenv has no
 * room; -errno.
 */

/** The current set is on trial, with all its boots; @previous is said of the `.old` set, and
 * @proven is the slot ('A', 'B') of a set that is proven meanwhile, 0: none is. */
int assessment_begin_trial(struct stick *stick, enum assessment_previous previous, char proven);

/** The current set is proven: no trial. */
int assessment_end_trial(struct stick *stick, enum assessment_previous previous);

/** The `.old` set is going to be overwritten, or its names to lead elsewhere; a trial that is under
 * way goes on. @proven as above. */
int assessment_forget_previous(struct stick *stick, char proven);

/** No set is whole from now on: the next boot takes the fallback. */
int assessment_give_up(struct stick *stick);

/** The entry that the next boot takes, and only that one; NULL: it takes the usual one. */
const char *assessment_once(const struct stick *stick);

/** Choose it: "standard", "previous" or "fallback". Nothing if the assessment is off. Reports.
 * Returns as the transitions do. */
int assessment_set_once(struct stick *stick, const char *entry);

/** Another set is going to be current: whatever was chosen for the next boot was meant for what the
 * stick held before. Reports, also that there was a choice. Returns as the transitions do. */
int assessment_drop_once(struct stick *stick);
