/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A compact set of thousands of names: first add them all, then sort the set, then query it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STRSET_MAX	 (8u * 1024u * 1024u) /* bytes of text */
#define STRSET_COUNT_MAX (512u * 1024u)

/* All 0: empty. */
struct strset {
	char *text; /* one after another with their final 0 */
	size_t text_size;
	size_t text_room;
	uint32_t *starts; /* where each starts in the text */
	size_t count;
	size_t room;
};

/** Add the first @length bytes of @name. Returns -ERR_TOO_LARGE if the set would grow beyond these
 * bounds; -ENOMEM. */
int strset_add(struct strset *names, const char *name, size_t length);

/** Sort the set: after this strset_has() may be called. */
void strset_sort(struct strset *names);

bool strset_has(const struct strset *names, const char *name);

/** Call @found with each name; a negative errno stops the walk and is returned. */
int strset_walk(const struct strset *names, int (*found)(void *data, const char *name), void *data);

/** Free what the set holds. */
void strset_clear(struct strset *names);
