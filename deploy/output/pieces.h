/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The internals of an output, for the files of this room: the pieces that were written, each with
 * its digest.
 */

#include <xxhash.h>

#include "disk/disk.h"
#include "phases.h"
#include "threads.h"

#define PIECE THREADS_PIECE /* maximum bytes of one write, and of one digest */

/* Not a cryptographic digest: it must detect the errors of a worn stick, not a forgery. */
struct piece {
	struct extent extent;
	XXH128_hash_t hash;
};

struct output {
	struct disk *disk;
	const struct observer *observer;
	struct phase_names phases;
	uint64_t total; /* bytes of this phase */
	uint64_t begun; /* written before it */
	uint64_t written;
	uint8_t *buffer;    /* PIECE bytes */
	const char *unread; /* the input that could not be read; set by any thread */
	struct piece *pieces;
	size_t n;
	size_t allocated;
};

/** Make room for @n more pieces. Returns -ENOMEM. */
int pieces_reserve(struct output *output, size_t n);

/** Write the content of @piece, whose extent is set, and keep its digest. From any thread. Returns
 * disk_write()'s errors. */
int pieces_write(struct output *output, struct piece *piece, const void *buffer);

/** The bytes of the first @n pieces. */
uint64_t pieces_size(const struct piece *pieces, size_t n);

/** Notify the observer, if the phase has a name. */
void pieces_tell(const struct output *output, const char *phase, uint64_t done, uint64_t total);

/** Notify the observer that @written bytes have been written in all. */
void pieces_tell_written(const struct output *output, uint64_t written);
