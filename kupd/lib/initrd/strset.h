/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A set of names, kept in as little memory as thousands of them allow: first all are added, then
 * the set is sorted, then it is asked.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAMES_MAX	(8u * 1024u * 1024u) /* bytes of text */
#define NAMES_COUNT_MAX (512u * 1024u)

/* All 0: empty. */
struct names {
	char *text; /* one behind the other with their final 0 */
	size_t text_size;
	size_t text_room;
	uint32_t *starts; /* where in the text each starts */
	size_t count;
	size_t room;
};

/** Add the first @length bytes of @name. Returns -EFBIG if the set would grow beyond these
 * bounds; -ENOMEM. */
int names_add(struct names *names, const char *name, size_t length);

/** Sort: from now on names_has() may be called. */
void names_sort(struct names *names);

bool names_has(const struct names *names, const char *name);

/** Free what the set holds. */
void names_clear(struct names *names);
