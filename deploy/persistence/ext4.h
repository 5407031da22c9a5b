/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The file system of the persistence, made in memory by mke2fs, without mounting it.
 */

#include <stdint.h>

#define EXT4_BLOCK 4096u

/**
 * Make an ext4 of @size bytes (a multiple of EXT4_BLOCK) with the label "persistence" and
 * persistence.conf, in a file in memory: less than 1 MiB of data for a stick of 64 GB, the rest is
 * holes. Everything that must read as zero is data in it, not a hole: on the target the holes may
 * contain anything. Reports. Returns -ENOENT if mke2fs is missing; -errno.
 */
int ext4_build(uint64_t size, int *ret_fd);
