/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The planned stick, written in an order that keeps it plainly empty until it is whole: the table
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

/** Make what a fork would not carry over, since it has threads or secrets: the system, and the
 * persistence, if one is to be made; @passphrase NULL: in the clear. Reports. Returns -errno. The
 * caller ends it with build_clear(). */
int build_begin(const struct stick_plan *plan, const struct passphrase *passphrase,
	struct build *ret_build);

void build_clear(struct build *build);

/**
 * Write it to @disk, and read back all that was written unless the options say not to. Tells
 * @observer the progress of all of it, in phases. Reports; also what an interruption means.
 * Returns -ERR_VERIFY; -ERR_NO_ROOM; -EINTR; -errno.
 */
int build_write(const struct build *build, struct disk *disk, const struct observer *observer);
