/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Sizes as people write and read them.
 */

#include <stddef.h>
#include <stdint.h>

/**
 * Parse "4G", "512MiB", "30GB", "2.5G", "1048576": bytes; K, M, G, T, alone or with iB, are powers
 * of 1024; KB, MB, GB, TB are powers of 1000, as disks are sold. Returns -EINVAL if it is not a
 * size; -ERANGE if it does not fit.
 */
int size_parse(const char *text, uint64_t *ret_bytes);

/* The length of such a text, with its final 0. */
#define SIZE_TEXT 32u

/** "30.8 GB": powers of 1000, as printed on the disk. */
const char *size_text(uint64_t bytes, char text[SIZE_TEXT]);

/** Two different sizes, each as by size_text(); exact to the byte if they would otherwise look the
 * same. */
void size_texts(uint64_t one, uint64_t other, char ret_one[SIZE_TEXT], char ret_other[SIZE_TEXT]);

/** "456MB": a text that size_parse() reads as @least bytes or slightly more, in whole sectors. */
const char *size_option(uint64_t least, char text[SIZE_TEXT]);
