/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "mounts.h"

#include <string.h>
#include <sys/sysmacros.h>

#include "base/text.h"
#include "base/util.h"

/* Undo the escapes of space, tab, newline, backslash and `#`: \040 and the like. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' &&
			from[2] <= '7' && from[3] >= '0' && from[3] <= '7') {
			*to++ = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 |
				       (from[3] - '0'));
			from += 3;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
}

static bool has_option(const char *options, const char *option)
{
	size_t length = strlen(option);

	for (; *options; options += strspn(options, ",")) {
		size_t n = strcspn(options, ",");

		if (n == length && strncmp(options, option, n) == 0)
			return true;
		options += n;
	}
	return false;
}

/*
 * A line: id, parent, major:minor, root, mount point, options, any number of optional fields, `-`,
 * type, source, options of the file system.
 */
static int parse(char *line, struct mount *ret_mount)
{
	char *fields[6], *type, *source, *super, *rest = NULL;
	unsigned int major, minor;
	struct mount mount;

	fields[0] = strtok_r(line, " \n", &rest);
	for (size_t i = 1; i < ARRAY_SIZE(fields); i++)
		fields[i] = strtok_r(NULL, " \n", &rest);
	if (!fields[5] || sscanf(fields[0], "%u", &mount.id) != 1 ||
		sscanf(fields[2], "%u:%u", &major, &minor) != 2)
		return -ERR_DAMAGED;
	do
		type = strtok_r(NULL, " \n", &rest);
	while (type && strcmp(type, "-") != 0);
	type = strtok_r(NULL, " \n", &rest);
	source = strtok_r(NULL, " \n", &rest);
	super = strtok_r(NULL, " \n", &rest);
	/* An empty source leaves two spaces: then what we took for the source is the options. */
	if (!super) {
		super = source;
		source = fields[0] + strlen(fields[0]);
	}
	if (!type || !super)
		return -ERR_DAMAGED;

	unescape(fields[4]);
	unescape(source);
	mount.devno = makedev(major, minor);
	/* A read-only bind mount is not safe if its file system is writable elsewhere. */
	mount.is_writable = has_option(fields[5], "rw") || has_option(super, "rw");
	mount.target = strdup(fields[4]);
	mount.source = strdup(source);
	if (!mount.target || !mount.source) {
		free(mount.target);
		free(mount.source);
		return -ENOMEM;
	}
	*ret_mount = mount;
	return 0;
}

int mounts_read(const char *root, struct mounts *ret_mounts)
{
	cleanup(mounts_free) struct mounts mounts = {0};
	cleanup(close_file) FILE *file = NULL;
	autofree char *path = text_new("%s/proc/self/mountinfo", root);
	autofree char *line = NULL;
	size_t line_size = 0, room = 0;
	int r;

	if (!path)
		return -ENOMEM;
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (getline(&line, &line_size, file) >= 0) {
		if (mounts.n == room) {
			struct mount *list;

			room = room ? 2 * room : 64;
			list = reallocarray(mounts.list, room, sizeof(*list));
			if (!list)
				return -ENOMEM;
			mounts.list = list;
		}
		r = parse(line, &mounts.list[mounts.n]);
		if (r < 0)
			return r;
		mounts.n++;
	}
	/* Not only a failed read: getline() may have found no memory, and a mount must not be
	 * missed. */
	if (!feof(file))
		return -errno;
	*ret_mounts = mounts;
	mounts = (struct mounts){0};
	return 0;
}

void mounts_free(struct mounts *mounts)
{
	for (size_t i = 0; i < mounts->n; i++) {
		free(mounts->list[i].target);
		free(mounts->list[i].source);
	}
	free(mounts->list);
	*mounts = (struct mounts){0};
}

const struct mount *mounts_at(const struct mounts *mounts, const char *target)
{
	for (size_t i = mounts->n; i > 0; i--)
		if (strcmp(mounts->list[i - 1].target, target) == 0)
			return &mounts->list[i - 1];
	return NULL;
}
