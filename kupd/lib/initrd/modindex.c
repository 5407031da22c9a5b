/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "modindex.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "base/util.h"

/* Everything that is ever created in the folder. */
static const char *const files[] = {
	"modules.dep.bin",
	"modules.alias.bin",
	"modules.builtin.bin",
	"modules.builtin.alias.bin",
};

/*
 * The files' format (kmod, libkmod/libkmod-index.c): a tree of prefixes, all numbers big-endian.
 * Header: u32 magic, u32 version, u32 root. A reference to a node is its offset with flags for
 * which of these parts it has: prefix (text with final 0); children (u8 first, u8 last, then a u32
 * reference for each character from first to last, 0 for none); values (u32 count, then each as u32
 * priority and text with final 0). Children come before their parents; with newer kmod (34), after
 * them.
 */
#define INDEX_MAGIC   0xb007f457u
#define INDEX_VERSION 2u /* upper half of the version */
#define NODE_PREFIX   0x80000000u
#define NODE_VALUES   0x40000000u
#define NODE_CHILDREN 0x20000000u
#define NODE_OFFSET   0x0fffffffu
#define DEPTH_MAX     512u

struct modindex {
	char *path;
	int folder;
	int file;
};

int modindex_new(struct modindex **ret_index)
{
	cleanup(modindex_freep) struct modindex *index = calloc(1, sizeof(*index));
	const char *parent = getenv("TMPDIR");
	autofree char *path = NULL;

	if (!index)
		return -ENOMEM;
	index->folder = index->file = -1;
	if (!parent || parent[0] != '/')
		parent = "/tmp";
	path = text_new("%s/liveng-initrd-XXXXXX", parent);
	if (!path)
		return -ENOMEM;
	if (!mkdtemp(path))
		return report(-errno, "%s: cannot make a temporary folder", parent);
	index->path = steal_pointer(path);
	index->folder = open(index->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (index->folder < 0)
		return report(-errno, "%s: cannot open the temporary folder", index->path);
	*ret_index = steal_pointer(index);
	return 0;
}

void modindex_free(struct modindex *index)
{
	if (!index)
		return;
	close_fd(&index->file);
	for (size_t i = 0; i < ARRAY_SIZE(files) && index->folder >= 0; i++)
		unlinkat(index->folder, files[i], 0);
	close_fd(&index->folder);
	if (index->path)
		rmdir(index->path);
	free(index->path);
	free(index);
}

void modindex_freep(struct modindex **index)
{
	modindex_free(*index);
}

const char *modindex_path(const struct modindex *index)
{
	return index->path;
}

static const char *find_file(const char *file)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (strcmp(file, files[i]) == 0)
			return files[i];
	return NULL;
}

bool modindex_wants(const char *file)
{
	return find_file(file) != NULL;
}

int modindex_begin(struct modindex *index, const char *file)
{
	/* Our own string, not the archive's. */
	const char *name = find_file(file);

	if (!name)
		return -EINVAL;
	close_fd(&index->file);
	index->file = openat(
		index->folder, name, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (index->file < 0)
		return report(-errno, "%s/%s: cannot create it", index->path, name);
	return 0;
}

int modindex_write(struct modindex *index, const uint8_t *bytes, size_t size)
{
	while (size > 0) {
		ssize_t n = write(index->file, bytes, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return report(-errno, "%s: cannot write to it", index->path);
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
}

/* A file in memory, and how many more nodes may be visited. */
struct walk {
	const uint8_t *bytes;
	uint32_t size;
	uint32_t budget;
};

static bool get_u32(const struct walk *walk, uint32_t *at, uint32_t *ret_value)
{
	const uint8_t *p = walk->bytes + *at;

	if (walk->size - *at < 4)
		return false;
	*ret_value = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	*at += 4;
	return true;
}

static bool skip_text(const struct walk *walk, uint32_t *at)
{
	const uint8_t *end = memchr(walk->bytes + *at, 0, walk->size - *at);

	if (!end)
		return false;
	*at = (uint32_t)(end + 1 - walk->bytes);
	return true;
}

/* Do all parts of the node and of everything below it lie inside the file? A cycle runs into the
 * depth limit; the budget stops a walk that visits nodes repeatedly. */
static bool check_node(struct walk *walk, uint32_t reference, unsigned int depth)
{
	uint32_t at = reference & NODE_OFFSET, count, value;

	if (at > walk->size || depth > DEPTH_MAX || walk->budget-- == 0)
		return false;
	if ((reference & NODE_PREFIX) && !skip_text(walk, &at))
		return false;
	if (reference & NODE_CHILDREN) {
		unsigned int first, last;

		if (walk->size - at < 2)
			return false;
		first = walk->bytes[at++];
		last = walk->bytes[at++];
		if (first > last || last > 127)
			return false;
		for (unsigned int i = first; i <= last; i++) {
			if (!get_u32(walk, &at, &value))
				return false;
			if ((value & NODE_OFFSET) == 0)
				continue;
			if (!check_node(walk, value, depth + 1))
				return false;
		}
	}
	if (reference & NODE_VALUES) {
		if (!get_u32(walk, &at, &count) || count > walk->size)
			return false;
		for (uint32_t i = 0; i < count; i++)
			if (!get_u32(walk, &at, &value) || !skip_text(walk, &at))
				return false;
	}
	return true;
}

static bool check_tree(const uint8_t *bytes, uint32_t size)
{
	struct walk walk = {.bytes = bytes, .size = size, .budget = size};
	uint32_t at = 0, magic, version, root;

	if (!get_u32(&walk, &at, &magic) || !get_u32(&walk, &at, &version) ||
		!get_u32(&walk, &at, &root))
		return false;
	if (magic != INDEX_MAGIC || version >> 16 != INDEX_VERSION)
		return false;
	/* An empty tree. */
	if ((root & NODE_OFFSET) == 0)
		return true;
	return check_node(&walk, root, 0);
}

static int check_file(int fd)
{
	autofree void *bytes = NULL;
	size_t size;
	int r;

	r = file_read_all(fd, MODINDEX_MAX, &bytes, &size);
	if (r == -ERR_TOO_LARGE)
		return -ERR_DAMAGED;
	if (r < 0)
		return r;
	return check_tree(bytes, (uint32_t)size) ? 0 : -ERR_DAMAGED;
}

int modindex_check(struct modindex *index)
{
	close_fd(&index->file);
	index->file = -1;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		autoclose int fd =
			openat(index->folder, files[i], O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		int r;

		/* All but the first are younger than libkmod. */
		if (fd < 0 && errno == ENOENT && i > 0)
			continue;
		if (fd < 0)
			return -errno;
		/* depmod leaves an empty file if a kernel has no modules.builtin.modinfo. */
		if (i > 0 && lseek(fd, 0, SEEK_END) == 0)
			continue;
		r = check_file(fd);
		if (r < 0)
			return r;
	}
	return 0;
}
