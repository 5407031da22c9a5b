/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Mounts of a stick's partitions, which are changed beneath them. An image file has none.
 */

#include "stick.h"

/**
 * See that the kernel partition is not mounted, undoing read-only mounts of it unless @dry_run.
 * Reports. Returns -ERR_REFUSED if it is mounted read-write; -ERR_BUSY.
 */
int mounted_release(const struct stick *stick, const struct host *host, bool dry_run);

/** Tell the kernel that the kernel partition's content changed behind its cache. Best effort. */
void mounted_refresh_kernel(const struct stick *stick, const struct host *host);

/**
 * Have what a mount of partition 3 holds in memory written to the medium, with a warning that
 * nothing else is to be written there now. Gives where it is mounted, for the caller to free; NULL:
 * nowhere. Reports. Returns -errno.
 */
int mounted_settle(const struct stick *stick, const struct host *host, char **ret_point);

/** Have that mount read grubenv anew: what it has in memory would be taken for the file, and
 * written again, by whoever changes that through the mount. Best effort. */
void mounted_refresh_grubenv(const struct stick *stick);
