/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A kernel partition whose head is gone, so that nobody finds the trees in it: the head is put back
 * from a slot, or the whole volume made anew.
 */

#include "inventory.h"
#include "run.h"

/** Is there no volume descriptor, or a damaged one? Returns 1, 0, or -errno of reading. */
int rescue_is_needed(const struct stick *stick);

/**
 * Let a whole set that is still in one of the slots be current again. Reports.
 * Returns -ENOENT, not reported, if there is none; -EINTR; -errno.
 */
int rescue_from_slots(struct kupd_run *run, struct stick *stick);

/**
 * Make the volume anew with the set of @release (NULL: what the options name), which has to pass
 * the checks. What lay in the partition is lost. The stick's label stays, and its UUID where that
 * is still known. Reports. Returns update_run()'s errors.
 */
int rescue_with(struct kupd_run *run, const char *release, enum update_result *ret_result);
