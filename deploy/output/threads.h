/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Pieces of a large transfer, two at a time: while one waits for the disk, the other is read or
 * hashed.
 */

#include <stddef.h>
#include <stdint.h>

#define LANES_PIECE (4u * 1024u * 1024u) /* bytes of a lane's buffer */

/** Transfer piece number @i by way of @buffer, from any thread. Returns 0 or a negative errno. */
typedef int (*lanes_job)(void *data, size_t i, uint8_t *buffer);

/** Called between pieces, by the thread that called lanes_run() only, with the number of those that
 * are done. A negative errno ends the transfer. */
typedef int (*lanes_watch)(void *data, size_t done);

/**
 * Do pieces 0 to @n - 1, begun in this order; @buffer (LANES_PIECE bytes, aligned for the disk) is
 * one lane's, the others have their own. After an error no more are begun; those under way end.
 * Returns the first error; -ENOMEM.
 */
int lanes_run(size_t n, lanes_job job, lanes_watch watch, void *data, uint8_t *buffer);
