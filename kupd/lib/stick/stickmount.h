/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Mounts of a stick's partitions, which we change underneath them. An image file has none.
 */

#include "disk/disk.h"
#include "machine/host.h"

/**
 * Make sure that partition @number of @disk (0: @disk itself, a partition without a disk, from
 * device-mapper or a loop device) is not mounted, undoing read-only mounts of it unless @dry_run.
 * Reports, with @name. Returns -ERR_REFUSED if it is mounted read-write; -ERR_BUSY.
 */
int stickmount_release(const struct disk *disk, unsigned int number, const char *name,
	const struct host *host, bool dry_run);

/** Tell the kernel that the content of partition @number was changed without its cache. Best
 * effort. */
void stickmount_refresh(const struct disk *disk, unsigned int number, const struct host *host);

/**
 * Flush a mount of partition @number, the ESP, to the medium, and warn that nothing else may write
 * there now. Gives its mount point, for the caller to free; NULL: not mounted. Reports. Returns
 * -errno.
 */
int stickmount_settle(
	const struct disk *disk, unsigned int number, const struct host *host, char **ret_point);

/** Make the mount at @point (NULL: there is none) read grubenv again: otherwise anyone who changes
 * it through the mount would write back the old content from memory. Best effort. */
void stickmount_refresh_grubenv(const char *point);
