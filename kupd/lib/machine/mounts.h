/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The mount table of this process's namespace (Linux, Documentation/filesystems/proc.rst, 3.5).
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct mount {
	unsigned int id;
	dev_t devno;	  /* major 0: not a block device, or a file system that hides it (btrfs) */
	bool is_writable; /* the mount or the file system it shows */
	char *target;	  /* the mount point, without escapes */
	char *source;	  /* "/dev/sdb1", "tmpfs", whatever was given to mount(8) */
};

struct mounts {
	struct mount *list; /* in the order of mounting */
	size_t n;
};

/**
 * Read the table below the root folder @root ("" for this machine). Returns -ERR_DAMAGED if a line
 * is malformed; -errno of reading. Free it with mounts_free().
 */
int mounts_read(const char *root, struct mounts *ret_mounts);

void mounts_free(struct mounts *mounts);

/** The mount visible at exactly this mount point, the last of those stacked on it; NULL: none. */
const struct mount *mounts_at(const struct mounts *mounts, const char *target);
