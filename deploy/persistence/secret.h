/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Memory for passphrases and keys: not swapped out if the limits allow, excluded from core dumps,
 * wiped before it is freed.
 */

#include <stddef.h>

/**
 * Zeroed memory of @size bytes. From the first call on the program leaves no core dump at all,
 * since libraries keep their own copies. NULL: no memory. Free it with secret_free().
 */
void *secret_new(size_t size);

/** Wipe and free; NULL is allowed. @size as passed to secret_new(). */
void secret_free(void *secret, size_t size);
