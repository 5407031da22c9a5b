/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Locate a file in a FAT12, FAT16 or FAT32 file system: read-only, without mounting it (Microsoft
 * FAT specification, fatgen103). Only 8.3 names, compared case-insensitively: enough for
 * `boot/grub/grubenv`.
 */

#include "disk.h"

/**
 * Find the file @path (parts separated by `/`) in the FAT file system that fills @partition (bytes)
 * of @disk. Gives its size in bytes and, for each of its first @n sectors of 512 bytes, the byte
 * offset on the disk; sectors past the end of the file get 0. Does not report. Returns -ENOENT if
 * there is no such file, -ERR_FOREIGN if the partition does not hold a FAT, -ERR_DAMAGED if its
 * structures contradict each other; -errno of reading.
 */
int fat_locate(const struct disk *disk, struct extent partition, const char *path,
	uint64_t *ret_size, uint64_t *ret_sectors, size_t n);
