/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Sizes as people write and read them.
 */

#include <stddef.h>
#include <stdint.h>

/**
 * Parse "4G", "512MiB", "30GB", "1048576": bytes; K, M, G, T, also with iB, count in 1024s, KB, MB,
 * GB, TB in 1000s, as disks are sold. Returns -EINVAL if it is none; -ERANGE if it does not fit.
 */
int size_parse(const char *text, uint64_t *ret_bytes);

/** "30.8 GB": in 1000s, as the disk's label says. */
const char *size_text(uint64_t bytes, char text[16]);
