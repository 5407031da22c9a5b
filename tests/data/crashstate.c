/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "crashstate.h"

#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR	   512u
#define SEEN_SLOTS (1u << 21)

void *allocate(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);

	if (!p)
		err(2, "memory");
	return p;
}

uint8_t *map_file(const char *path, int how, uint64_t *ret_size)
{
	int fd = open(path, O_RDWR);
	struct stat st;
	void *p = NULL;

	if (fd < 0 || fstat(fd, &st) < 0)
		err(2, "%s", path);
	if (st.st_size > 0)
		p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, how, fd, 0);
	if (p == MAP_FAILED)
		err(2, "%s", path);
	close(fd);
	if (ret_size)
		*ret_size = (uint64_t)st.st_size;
	return p;
}

static uint64_t sector_key(const struct crashstate *state, uint64_t sector)
{
	const uint8_t *p = state->disk + sector * SECTOR;
	uint64_t key = sector * 0x9e3779b97f4a7c15u + 1;

	for (size_t i = 0; i < SECTOR; i += 8) {
		uint64_t word;

		memcpy(&word, p + i, 8);
		key = (key ^ word) * 0xff51afd7ed558ccdu;
		key ^= key >> 32;
	}
	return key | 1; /* 0: not known yet */
}

void crashstate_open(struct crashstate *state, const char *path)
{
	*state = (struct crashstate){0};
	state->disk = map_file(path, MAP_SHARED, &state->size);
	if (state->size == 0 || state->size % SECTOR != 0)
		errx(2, "%s: not a disk of whole sectors", path);
	state->seen = allocate(SEEN_SLOTS, sizeof(*state->seen));
	state->sector_keys = allocate(state->size / SECTOR, sizeof(*state->sector_keys));
}

void crashstate_put(struct crashstate *state, const struct piece *piece)
{
	uint64_t end = piece->offset + piece->size;

	if (piece->offset > state->size || piece->size > state->size - piece->offset)
		errx(2, "a write past the end of the disk");
	if (piece->size == 0)
		return;
	for (uint64_t s = piece->offset / SECTOR; s <= (end - 1) / SECTOR; s++) {
		/* Most sectors are never written, so their keys are never needed. */
		if (state->sector_keys[s] == 0)
			state->sector_keys[s] = sector_key(state, s);
	}
	memcpy(state->disk + piece->offset, piece->data, piece->size);
	for (uint64_t s = piece->offset / SECTOR; s <= (end - 1) / SECTOR; s++) {
		state->key -= state->sector_keys[s];
		state->sector_keys[s] = sector_key(state, s);
		state->key += state->sector_keys[s];
	}
}

void crashstate_reserve(struct crashstate *state, size_t n, uint64_t bytes)
{
	free(state->undo);
	free(state->saved);
	state->undo = allocate(n, sizeof(*state->undo));
	state->saved = allocate(bytes, 1);
	state->undo_room = n;
	state->saved_room = bytes;
}

void crashstate_apply(struct crashstate *state, const struct piece *piece)
{
	uint8_t *saved = state->saved + state->saved_used;

	if (piece->offset > state->size || piece->size > state->size - piece->offset)
		errx(2, "a write past the end of the disk");
	if (state->n_undo == state->undo_room ||
		state->saved_used + piece->size > state->saved_room)
		errx(2, "more pieces than there is room to undo");
	memcpy(saved, state->disk + piece->offset, piece->size);
	state->undo[state->n_undo++] = (struct piece){piece->offset, piece->size, saved};
	state->saved_used += piece->size;
	crashstate_put(state, piece);
}

void crashstate_undo(struct crashstate *state)
{
	while (state->n_undo > 0)
		crashstate_put(state, &state->undo[--state->n_undo]);
	state->saved_used = 0;
}

bool crashstate_is_new(struct crashstate *state)
{
	uint64_t key = state->key ? state->key : 1;
	size_t i = (size_t)(key % SEEN_SLOTS);

	while (state->seen[i] != 0 && state->seen[i] != key)
		i = (i + 1) % SEEN_SLOTS;
	if (state->seen[i] == key)
		return false;
	if (++state->n_seen > SEEN_SLOTS / 2)
		errx(2, "more states than there is room for");
	state->seen[i] = key;
	return true;
}
