/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The image of a disk on which writes are tried out and undone. Any content it has had before is
 * recognized, however it came about.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes to be written, or that were. */
struct piece {
	uint64_t offset, size;
	const uint8_t *data; /* not owned */
};

struct crashstate {
	uint8_t *disk; /* the file's content, for reading */
	uint64_t size;

	/* The content as one number: the change in the sum of the sectors' keys. */
	uint64_t key;
	uint64_t *sector_keys; /* 0: not known yet */
	uint64_t *seen;	       /* a hash table */
	uint64_t n_seen;

	/* The old content, newest last. */
	struct piece *undo;
	size_t n_undo, undo_room;
	uint8_t *saved;
	uint64_t saved_used, saved_room;
};

/** calloc() that exits if there is no memory; @n may be 0. */
void *allocate(size_t n, size_t size);

/** Map the file: with MAP_SHARED it is changed, with MAP_PRIVATE not. Exits on failure. NULL for an
 * empty file. @ret_size may be NULL. */
uint8_t *map_file(const char *path, int how, uint64_t *ret_size);

/** Open the image; writes go to the file, so that other programs can look at it. */
void crashstate_open(struct crashstate *state, const char *path);

/** Write permanently. */
void crashstate_put(struct crashstate *state, const struct piece *piece);

/** Make room to undo @n writes of @bytes in total. */
void crashstate_reserve(struct crashstate *state, size_t n, uint64_t bytes);

/** Write until crashstate_undo(). */
void crashstate_apply(struct crashstate *state, const struct piece *piece);

/** Undo everything that was applied. */
void crashstate_undo(struct crashstate *state);

/** Is this the first time that this content is queried? */
bool crashstate_is_new(struct crashstate *state);
