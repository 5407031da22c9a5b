/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A set of names, kept in as little memory as thousands of them allow: first all are added, then
 * the set is sorted, then it is asked.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STRSET_MAX	 (8u * 1024u * 1024u) /* bytes of text */
#define STRSET_COUNT_MAX (512u * 1024u)

/* All 0: empty. */
struct strset {
	char *text; /* one behind the other with their final 0 */
	size_t text_size;
	size_t text_room;
	uint32_t *starts; /* where in the text each starts */
	size_t count;
	size_t room;
};

/** Add the first @length bytes of @name. Returns -ERR_TOO_LARGE if the set would grow beyond these
 * bounds; -ENOMEM. */
int strset_add(struct strset *names, const char *name, size_t length);

/** Sort: from now on strset_has() may be called. */
void strset_sort(struct strset *names);

bool strset_has(const struct strset *names, const char *name);

/** Free what the set holds. */
void strset_clear(struct strset *names);
