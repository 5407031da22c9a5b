/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Wiping old tables and file systems that would still be found on a disk.
 */

#include "output/output.h"

/* Bytes at each end of a partition in which a signature of older content would make other programs
 * misidentify the new one. Those of ZFS reach farthest: two labels of 256 KiB at each end. */
#define WIPE_EDGE (512u * 1024u)

/** Zero what @output has not written at the end of a partition (bytes). As wipe_edges(). */
int wipe_end(struct output *output, struct extent extent);

/** Zero what @output has not written at the beginning and the end of a partition (bytes). Returns
 * the errors of output_write(). */
int wipe_edges(struct output *output, struct extent extent);

/**
 * Zero the places of partition tables, and every signature that libblkid finds on the whole of
 * @disk, which @output writes to. Does not report. Returns -errno.
 */
int wipe_disk(const struct disk *disk, struct output *output);
