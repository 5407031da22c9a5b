/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Rescuing a kernel partition whose head is lost, so that its trees cannot be found: the head is
 * restored from a slot, or the whole volume recreated.
 */

#include "inventory.h"
#include "run.h"

/** Is there no volume descriptor, or a damaged one? Returns 1, 0, or -errno of reading. */
int rescue_is_needed(const struct stick *stick);

/**
 * Make a whole set that is still in one of the slots current again. Reports. Returns -ENOENT, not
 * reported, if there is none; -EINTR; -errno.
 */
int rescue_from_slots(struct kupd_run *run, struct stick *stick);

/**
 * Recreate the volume with the set of @release (NULL: the one given by the options), which must
 * pass the checks. Existing content is lost. The stick keeps its label, and its UUID if that is
 * still known. Reports. Returns update_run()'s errors.
 */
int rescue_with(struct kupd_run *run, const char *release, enum update_result *ret_result);
