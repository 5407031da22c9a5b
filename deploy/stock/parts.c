/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "parts.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/util.h"

struct part {
	char *path; /* where it goes */
	mode_t permissions;
	void *data;
	size_t size;
};

struct parts {
	const struct initrd *initrd;
	struct part *list;
	size_t n;
	size_t room;
};

int parts_new(const struct initrd *initrd, struct parts **ret_parts)
{
	struct parts *parts = calloc(1, sizeof(*parts));

	if (!parts)
		return -ENOMEM;
	parts->initrd = initrd;
	*ret_parts = parts;
	return 0;
}

static void part_clear(struct part *part)
{
	free(part->path);
	free(part->data);
}

void parts_free(struct parts *parts)
{
	if (!parts)
		return;
	for (size_t i = 0; i < parts->n; i++)
		part_clear(&parts->list[i]);
	free(parts->list);
	free(parts);
}

void parts_freep(struct parts **parts)
{
	parts_free(*parts);
}

size_t parts_count(const struct parts *parts)
{
	return parts->n;
}

static struct part *find(const struct parts *parts, const char *place)
{
	for (size_t i = 0; i < parts->n; i++)
		if (strcmp(parts->list[i].path, place) == 0)
			return &parts->list[i];
	return NULL;
}

static int add(struct parts *parts, const char *place, const struct part *part)
{
	struct part *former = find(parts, place);
	char *path = strdup(place);

	if (!path)
		return -ENOMEM;
	if (!former && parts->n == parts->room) {
		size_t room = parts->room ? 2 * parts->room : 64;
		struct part *list = reallocarray(parts->list, room, sizeof(*list));

		if (!list) {
			free(path);
			return -ENOMEM;
		}
		parts->list = list;
		parts->room = room;
	}
	if (former)
		part_clear(former);
	else
		former = &parts->list[parts->n++];
	*former = *part;
	former->path = path;
	return 0;
}

int parts_take(struct parts *parts, const char *path, mode_t permissions, void *data, size_t size)
{
	const struct part part = {.permissions = permissions, .data = data, .size = size};
	char place[PATH_MAX];
	int r = initrd_place(parts->initrd, path, place, sizeof(place));

	if (r == 0)
		r = add(parts, place, &part);
	if (r < 0)
		free(data);
	return r;
}

int parts_add_text(struct parts *parts, const char *path, mode_t permissions, const char *text)
{
	char *copy = strdup(text);

	return copy ? parts_take(parts, path, permissions, copy, strlen(copy)) : -ENOMEM;
}

bool parts_have(const struct parts *parts, const char *path)
{
	char place[PATH_MAX];

	return initrd_has(parts->initrd, path) ||
	       (initrd_place(parts->initrd, path, place, sizeof(place)) == 0 && find(parts, place));
}

static int compare_parts(const void *a, const void *b)
{
	return strcmp(((const struct part *)a)->path, ((const struct part *)b)->path);
}

/* The folders of @path, except those that the initrd or the part before it has: a folder where the
 * initrd has a link would take the link's place. */
static int add_folders(
	const struct parts *parts, struct segment *segment, const char *path, const char *before)
{
	char folder[PATH_MAX];
	int r = 0;

	for (const char *slash = path; r == 0 && (slash = strchr(slash, '/')); slash++) {
		size_t length = (size_t)(slash - path);

		snprintf(folder, sizeof(folder), "%.*s", (int)length, path);
		if (initrd_has_exactly(parts->initrd, folder) ||
			strncmp(before, path, length + 1) == 0)
			continue;
		r = segment_add(segment, folder, S_IFDIR | 0755, NULL, 0);
	}
	return r;
}

int parts_write(struct parts *parts, struct segment *segment)
{
	const char *before = "";
	int r = 0;

	if (parts->n > 0)
		qsort(parts->list, parts->n, sizeof(parts->list[0]), compare_parts);
	for (size_t i = 0; r == 0 && i < parts->n; i++) {
		struct part *part = &parts->list[i];

		r = add_folders(parts, segment, part->path, before);
		if (r == 0)
			r = segment_add(segment, part->path, S_IFREG | part->permissions,
				part->data, part->size);
		/* What is in the segment is not kept a second time. */
		free(part->data);
		part->data = NULL;
		before = part->path;
	}
	return r;
}
