/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What other programs know a file system by: its type, label and UUID, as libblkid reads them.
 */

#include <blkid.h>

#include "disk.h"

struct filesystem {
	char type[32];
	/* What is not printable ASCII is a `?`: whoever made it chose it, and it goes
	 * to terminals. */
	char label[48];
	char uuid[48];
};

/**
 * Identify what lies in @extent (bytes) of @disk. Does not report.
 * Returns -ENOENT if it is nothing that is known, or could be two things; -errno of reading.
 */
int probe_filesystem(
	const struct disk *disk, struct extent extent, struct filesystem *ret_identity);

/** The partition table of @disk, of any kind. @ret_list lives as long as @ret_probe, which the
 * caller frees. Does not report. Returns -ENOENT if there is none; -errno of reading. */
int probe_partitions(const struct disk *disk, blkid_probe *ret_probe, blkid_partlist *ret_list);

/** Where a partition of such a list lies, in bytes; a table can say what it likes. */
struct extent probe_extent(blkid_partition partition);

void probe_freep(blkid_probe *probe);
