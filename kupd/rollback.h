/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/observer.h"
#include "inventory.h"

/**
 * Make the other set of @inventory, which the caller has verified, the current one: the boot
 * assessment first, so that no boot takes the `.old` names of the old tree for a whole set; then
 * one sector; then the trial, if there was one, ends. With @on_trial it gets one of its own: it was
 * not seen to come up since; a proven set that is left for it is still known as that. This boot's
 * bless, which is not that of the other set, is kept off. Reports. Returns -errno; either set is
 * then current.
 */
int rollback_switch(const struct kupd_run *run, struct stick *stick,
	const struct inventory *inventory, bool on_trial);

/** The two halves of rollback_switch(): the boot assessment, after which the stick boots what it
 * did before; and the rest. Report. Return -errno. */
int rollback_prepare(const struct kupd_run *run, struct stick *stick,
	const struct inventory *inventory, bool on_trial);
int rollback_commit(struct stick *stick, const struct inventory *inventory, bool on_trial);

/**
 * See that @inventory has a previous set and that it is whole, reading it all. Reports.
 * Returns -ERR_REFUSED if there is none; -ERR_VERIFY if it is damaged; -EINTR; -errno.
 */
int rollback_check(const struct stick *stick, const struct inventory *inventory,
	const struct observer *observer);
