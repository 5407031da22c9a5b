/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/observer.h"
#include "inventory.h"

/**
 * Make the other set of @inventory, which the caller has verified, the current one: first the boot
 * assessment, so that no boot takes the `.old` names of the old tree for a whole set; then one
 * sector; then the trial, if there was one, ends. With @on_trial the set gets a trial of its own,
 * because it has not been seen to come up since; a proven set that is abandoned for it stays marked
 * as proven. This boot is prevented from blessing the other set, which it does not run. Reports.
 * Returns -errno; then either set may be current.
 */
int rollback_switch(const struct kupd_run *run, struct stick *stick,
	const struct inventory *inventory, bool on_trial);

/** The two halves of rollback_switch(): the boot assessment, after which the stick still boots what
 * it did before; and the rest. Both report. Return -errno. */
int rollback_prepare(const struct kupd_run *run, struct stick *stick,
	const struct inventory *inventory, bool on_trial);
int rollback_commit(struct stick *stick, const struct inventory *inventory, bool on_trial);

/**
 * Check that @inventory has a previous set and, by reading all of it, that it is whole. Reports.
 * Returns -ERR_REFUSED if there is none; -ERR_VERIFY if it is damaged; -EINTR; -errno.
 */
int rollback_check(const struct stick *stick, const struct inventory *inventory,
	const struct observer *observer);
