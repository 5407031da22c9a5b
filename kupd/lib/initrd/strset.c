/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "strset.h"

#include <string.h>

#include "base/util.h"

int strset_add(struct strset *names, const char *name, size_t length)
{
	if (length >= STRSET_MAX || names->text_size + length + 1 > STRSET_MAX ||
		names->count == STRSET_COUNT_MAX)
		return -ERR_TOO_LARGE;
	if (names->text_size + length + 1 > names->text_room) {
		size_t room = MAX(names->text_room * 2, (size_t)ROUND_UP(length + 1, 65536));
		char *text = realloc(names->text, room);

		if (!text)
			return -ENOMEM;
		names->text = text;
		names->text_room = room;
	}
	if (names->count == names->room) {
		size_t room = MAX(names->room * 2, (size_t)1024);
		uint32_t *starts = reallocarray(names->starts, room, sizeof(starts[0]));

		if (!starts)
			return -ENOMEM;
		names->starts = starts;
		names->room = room;
	}
	names->starts[names->count++] = (uint32_t)names->text_size;
	memcpy(names->text + names->text_size, name, length);
	names->text[names->text_size + length] = '\0';
	names->text_size += length + 1;
	return 0;
}

static int compare_starts(const void *a, const void *b, void *text)
{
	return strcmp((char *)text + *(const uint32_t *)a, (char *)text + *(const uint32_t *)b);
}

void strset_sort(struct strset *names)
{
	if (names->count > 0)
		qsort_r(names->starts, names->count, sizeof(names->starts[0]), compare_starts,
			names->text);
}

bool strset_has(const struct strset *names, const char *name)
{
	size_t low = 0, high = names->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, names->text + names->starts[middle]);

		if (order == 0)
			return true;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

int strset_walk(const struct strset *names, int (*found)(void *data, const char *name), void *data)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < names->count; i++)
		r = found(data, names->text + names->starts[i]);
	return r;
}

void strset_clear(struct strset *names)
{
	free(names->text);
	free(names->starts);
	*names = (struct strset){0};
}
