/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What an update is going to do, decided with every check before the first byte is written.
 */

#include "candidate/candidate.h"
#include "inventory.h"
#include "iso/session.h"
#include "run.h"

/* What the stick boots, should the next step fail. */
enum outcome { OUTCOME_AS_BEFORE, OUTCOME_PREVIOUS, OUTCOME_NONE, OUTCOME_EITHER, OUTCOME_NEW };

struct update_plan {
	enum outcome outcome;
	struct candidate *candidate;
	struct inventory inventory;
	/* Becomes current first, from the other slot: it stays, and what is current now makes room.
	 * NULL: none does. */
	const struct kernelset *keep;
	bool keep_is_proven;	      /* it came up once, as far as the assessment tells */
	bool base_is_proven;	      /* as keep_is_proven, of what then is current */
	const struct kernelset *base; /* becomes the `.old` set; NULL: none does */
	struct volume *volume;	      /* the tree that the session continues; owned */
	bool in_place; /* over what is there: two sets have no room, and that is allowed */
	struct slot slot;
	struct session *session; /* owned */
};

/**
 * Plan to write @plan's candidate into @stick, as the options of @run say. @tolerant is
 * update_run()'s. Unless it is to be written, by @ret_result, the rest of the plan is empty.
 * Reports; what an interruption means is for the caller to tell. Returns -errno, with nothing
 * changed.
 */
int update_plan_make(const struct kupd_run *run, const struct stick *stick, bool tolerant,
	struct update_plan *plan, enum update_result *ret_result);

/** candidate_check() for @stick and its persistence, and what --force makes of it. Reports. */
int update_plan_check_candidate(
	const struct kupd_run *run, const struct stick *stick, const struct candidate *candidate);

void update_plan_clear(struct update_plan *plan);
