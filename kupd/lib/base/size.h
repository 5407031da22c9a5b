/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Sizes as people write and read them.
 */

#include <stddef.h>
#include <stdint.h>

/**
 * Parse "4G", "512MiB", "30GB", "2.5G", "1048576": bytes; K, M, G, T, also with iB, count in 1024s,
 * KB, MB, GB, TB in 1000s, as disks are sold. Returns -EINVAL if it is none; -ERANGE if it does not
 * fit.
 */
int size_parse(const char *text, uint64_t *ret_bytes);

/* Of a text, with its final 0. */
#define SIZE_TEXT 32u

/** "30.8 GB": in 1000s, as the disk's label says. */
const char *size_text(uint64_t bytes, char text[SIZE_TEXT]);

/** Two sizes that differ, each as size_text(): to the byte if they would look the same. */
void size_texts(uint64_t one, uint64_t other, char ret_one[SIZE_TEXT], char ret_other[SIZE_TEXT]);

/** "456MB": what size_parse() takes for @least bytes or little more, in whole sectors. */
const char *size_option(uint64_t least, char text[SIZE_TEXT]);
