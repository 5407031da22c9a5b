/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The file system of the persistence, made by mke2fs in memory and not mounted.
 */

#include <stdint.h>

#define EXT4_BLOCK 4096u

/**
 * Make an ext4 of @size bytes (a multiple of EXT4_BLOCK) with the label "persistence" and
 * persistence.conf, in a file in memory: less than 1 MiB of it for a stick of 64 GB, the rest is
 * holes. All that has to read as zero is data there, not a hole: what lies in the holes may hold
 * anything. Reports. Returns -ENOENT without mke2fs; -errno.
 */
int ext4_build(uint64_t size, int *ret_fd);
