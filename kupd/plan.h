/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What an update is going to do, decided, with every check, before the first byte is written.
 */

#include "candidate/candidate.h"
#include "inventory.h"
#include "iso/session.h"
#include "run.h"

/* What the stick boots if the next step fails. */
enum outcome { OUTCOME_AS_BEFORE, OUTCOME_PREVIOUS, OUTCOME_NONE, OUTCOME_EITHER, OUTCOME_NEW };

struct update_plan {
	enum outcome outcome;
	struct candidate *candidate;
	struct inventory inventory;
	/* The set in the other slot that becomes current first and is kept, while the one that is
	 * current now is overwritten. NULL: none. */
	const struct kernelset *keep;
	bool keep_is_proven;	      /* it has come up before, according to the assessment */
	bool base_is_proven;	      /* as keep_is_proven, for the set that is current then */
	const struct kernelset *base; /* becomes the `.old` set; NULL: none */
	struct volume *volume;	      /* the tree that the session continues; owned */
	bool in_place; /* overwrite everything: two sets do not fit, and --in-place allows it */
	struct slot slot;
	struct session *session; /* owned */
};

/**
 * Plan how to write @plan's candidate to @stick, according to the options of @run. @tolerant is
 * update_run()'s. Unless @ret_result says that it is to be written, the rest of the plan stays
 * empty. Reports, except for an interruption, which the caller must explain. Returns -errno, with
 * nothing changed.
 */
int update_plan_make(const struct kupd_run *run, const struct stick *stick, bool tolerant,
	struct update_plan *plan, enum update_result *ret_result);

/** candidate_check() for @stick and its persistence; with --force a refusal is only a warning.
 * Reports. */
int update_plan_check_candidate(
	const struct kupd_run *run, const struct stick *stick, const struct candidate *candidate);

void update_plan_clear(struct update_plan *plan);
