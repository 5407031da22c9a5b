/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * How other programs identify a file system: its type, label and UUID, as libblkid reads them.
 */

#include <blkid.h>

#include "disk.h"

struct filesystem {
	char type[32];
	/* Anything unsafe for a terminal is a `?`: the label is the choice of whoever made the file
	 * system, and it is printed. */
	char label[48];
	char uuid[48];
};

/**
 * Identify what lies in @extent (bytes) of @disk. Does not report. Returns -ENOENT if it is nothing
 * known, or ambiguous; -errno of reading.
 */
int probe_filesystem(
	const struct disk *disk, struct extent extent, struct filesystem *ret_filesystem);

/** Read the partition table of @disk, of any kind. @ret_list is valid as long as @ret_probe, which
 * the caller frees. Does not report. Returns -ENOENT if there is none; -errno of reading. */
int probe_partitions(const struct disk *disk, blkid_probe *ret_probe, blkid_partlist *ret_list);

/** Where a partition of such a list lies, in bytes; unchecked, as the table has it. */
struct extent probe_extent(blkid_partition partition);

void probe_freep(blkid_probe *probe);
