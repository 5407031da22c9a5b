/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Pieces of a large transfer, two at a time: while one waits for the disk, the other is read or
 * hashed.
 */

#include <stddef.h>
#include <stdint.h>

#define THREADS_PIECE (4u * 1024u * 1024u) /* bytes of a thread's buffer */

/** Transfer piece number @i by way of @buffer, from any thread. Returns 0 or a negative errno. */
typedef int (*threads_work)(void *data, size_t i, uint8_t *buffer);

/** Called between pieces, by the thread that called threads_run() only, with the number of those
 * that are done. A negative errno ends the transfer. */
typedef int (*threads_watch)(void *data, size_t done);

/**
 * Do pieces 0 to @n - 1, begun in this order; @buffer (THREADS_PIECE bytes, aligned for the disk)
 * is the calling thread's, the other has its own. After an error no more are begun; those under way
 * end. Returns the first error; -ENOMEM.
 */
int threads_run(size_t n, threads_work work, threads_watch watch, void *data, uint8_t *buffer);
