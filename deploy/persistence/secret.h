/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Memory for passphrases and keys: not swapped out where the limits allow it, in no core dump,
 * wiped before it is given back.
 */

#include <stddef.h>

/**
 * Zeroed memory of @size bytes. From the first call on the program leaves no core dump at all:
 * libraries keep copies of their own. NULL: no memory. Free it with secret_free().
 */
void *secret_new(size_t size);

/** Wipe and free; NULL is allowed. @size as it was asked for. */
void secret_free(void *secret, size_t size);
