/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Mounts of a stick's partitions, which are changed beneath them. An image file has none.
 */

#include "disk/disk.h"
#include "machine/host.h"

/**
 * See that partition @number of @disk (0: the disk itself, which is a partition that belongs to no
 * disk, by device-mapper or loop) is not mounted, undoing read-only mounts of it unless @dry_run.
 * Reports, as of @name. Returns -ERR_REFUSED if it is mounted read-write; -ERR_BUSY.
 */
int stickmount_release(const struct disk *disk, unsigned int number, const char *name,
	const struct host *host, bool dry_run);

/** Tell the kernel that the content of partition @number changed without its cache. Best effort. */
void stickmount_refresh(const struct disk *disk, unsigned int number, const struct host *host);

/**
 * Have what a mount of partition @number, the ESP, holds in memory written to the medium, with a
 * warning that nothing else is to be written there now. Gives where it is mounted, for the caller
 * to free; NULL: nowhere. Reports. Returns -errno.
 */
int stickmount_settle(
	const struct disk *disk, unsigned int number, const struct host *host, char **ret_point);

/** Have the mount at @point (NULL: there is none) read grubenv anew: what it has in memory would be
 * taken for the file, and written again, by whoever changes that through the mount. Best effort. */
void stickmount_refresh_grubenv(const char *point);
