/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Writing the planned stick in an order that keeps it clearly empty until it is complete: the table
 * comes last.
 */

#include "base/observer.h"
#include "image/system.h"
#include "persistence/passphrase.h"
#include "persistence/persistence.h"
#include "plan.h"

struct build {
	const struct stick_plan *plan; /* not owned */
	struct system *system;
	struct persistence *persistence; /* NULL: there will be none, or it is kept */
};

/** Make the parts that would not survive a fork, since they have threads or secrets: the system,
 * and the persistence, if there is to be a new one; @passphrase NULL: unencrypted. Reports. Returns
 * -errno. The caller frees it with build_clear(). */
int build_begin(const struct stick_plan *plan, const struct passphrase *passphrase,
	struct build *ret_build);

void build_clear(struct build *build);

/**
 * Write it to @disk, and read back everything written unless the options say not to. Notifies
 * @observer of the progress of the whole, in phases. Reports, including what an interruption means.
 * Returns -ERR_VERIFY; -ERR_NO_ROOM; -EINTR; -errno.
 */
int build_write(const struct build *build, struct disk *disk, const struct observer *observer);
