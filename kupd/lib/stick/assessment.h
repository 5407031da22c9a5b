/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The boot assessment: what grubenv says about the set on trial, for the boot menu and for us.
 */

#include "stick.h"

#define ASSESSMENT_TRIES 3 /* boots in which a new set must come up */

/* The `.old` set of the current tree, according to liveng_previous. */
enum assessment_previous {
	PREVIOUS_GONE,	  /* "0": its names, if there are any, point to overwritten data */
	PREVIOUS_PROVEN,  /* "1": the menu may boot it automatically */
	PREVIOUS_DOUBTED, /* "2": it exists, but has never been seen to come up: only the user may
			     choose it */
};

/** The boots left for the set on trial, 0 to 3; 0 also if the value is not such a count; -1 if none
 * is on trial or the assessment is off. */
int assessment_tries(const struct stick *stick);

/** What grubenv says about the `.old` set; PREVIOUS_DOUBTED if nothing. */
enum assessment_previous assessment_previous(const struct stick *stick);

/** Does grubenv mark the `.old` set as bootable? Only a proven one is. */
bool assessment_has_previous(const struct stick *stick);

/** 'A' or 'B': while another set is on trial, the set in that slot is proven; 0: none is. The two
 * trees alone do not show which one was current if each has the other's set as its `.old` set. */
char assessment_proven_slot(const struct stick *stick);

/*
 * The transitions. Each is one write, or none if the assessment is off; if the previous set is
 * gone, it is also dropped as the choice for the next boot. Each reports. Returns -ERR_FULL if
 * grubenv has no room; -errno.
 */

/** Put the current set on trial, with all its boots, or if nothing would end that (has_trials),
 * take it for proven; @previous applies to the `.old` set, and
 * @proven is the slot ('A', 'B') of a set that is proven during the trial, 0: none is. */
int assessment_begin_trial(struct stick *stick, enum assessment_previous previous, char proven);

/** End the trial: the current set is proven. */
int assessment_end_trial(struct stick *stick, enum assessment_previous previous);

/** The `.old` set is about to be overwritten, or its names to point elsewhere; a trial in progress
 * continues. @proven as above. */
int assessment_forget_previous(struct stick *stick, char proven);

/** From now on no set is whole: the next boot takes the fallback. */
int assessment_give_up(struct stick *stick);

/** The menu entry for the next boot only; NULL: the usual one. */
const char *assessment_once(const struct stick *stick);

/** Set the entry for the next boot: "standard", "previous" or "fallback". Does nothing if the
 * assessment is off. Reports. Returns as the transitions do. */
int assessment_set_once(struct stick *stick, const char *entry);

/** Another set is about to become current: drop any choice for the next boot, which was meant for
 * the stick's previous content. Reports, also if there was a choice. Returns as the transitions
 * do. */
int assessment_drop_once(struct stick *stick);
