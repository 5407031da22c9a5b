/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Processing the pieces of a large transfer two at a time: while one waits for the disk, the other
 * is read or hashed.
 */

#include <stddef.h>
#include <stdint.h>

#define THREADS_PIECE (4u * 1024u * 1024u) /* bytes of a thread's buffer */

/** Transfer piece number @i through @buffer, from any thread. Returns 0 or a negative errno. */
typedef int (*threads_work)(void *data, size_t i, uint8_t *buffer);

/** Called between pieces, only by the thread that called threads_run(), with the number of pieces
 * done. A negative errno stops the transfer. */
typedef int (*threads_watch)(void *data, size_t done);

/**
 * Process pieces 0 to @n - 1, started in this order; @buffer (THREADS_PIECE bytes, aligned for the
 * disk) is for the calling thread, the other has its own. After an error no more are started; those
 * in progress finish. Returns the first error.
 */
int threads_run(size_t n, threads_work work, threads_watch watch, void *data, uint8_t *buffer);
