/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "tree.h"

#include <stdint.h>
#include <string.h>
#include <time.h>

/* After <stdint.h>, which it fails to include. */
#include <libisofs/libisofs.h>

#include "base/util.h"
#include "filestream.h"

#define DEPTH_MAX 64u /* of folders; ECMA-119 allows 8, Rock Ridge any number */

static int find(const struct volume *volume, const char *path, IsoNode **ret_node)
{
	int code = iso_tree_path_to_node(volume_image((struct volume *)volume), path, ret_node);

	if (code < 0)
		return volume_error(code);
	return code == 0 ? -ENOENT : 0;
}

static int find_folder(const struct volume *volume, const char *path, IsoDir **ret_folder)
{
	IsoNode *node;
	int r;

	r = find(volume, path, &node);
	if (r < 0)
		return r;
	if (iso_node_get_type(node) != LIBISO_DIR)
		return -ENOENT;
	*ret_folder = (IsoDir *)node;
	return 0;
}

/* The nodes of a folder as an array, since an iterator does not survive removals. */
static int children(IsoDir *folder, IsoNode ***ret_nodes, size_t *ret_n)
{
	int count = iso_dir_get_children_count(folder);
	autofree IsoNode **nodes = NULL;
	IsoDirIter *iterator;
	IsoNode *node;
	size_t n = 0;
	int code;

	if (count < 0)
		return volume_error(count);
	nodes = calloc((size_t)count + 1, sizeof(IsoNode *));
	if (!nodes)
		return -ENOMEM;
	code = iso_dir_get_children(folder, &iterator);
	if (code < 0)
		return volume_error(code);
	while (n < (size_t)count && iso_dir_iter_next(iterator, &node) == 1)
		nodes[n++] = node;
	iso_dir_iter_free(iterator);
	*ret_nodes = steal_pointer(nodes);
	*ret_n = n;
	return 0;
}

void tree_names_free(char **names)
{
	for (size_t i = 0; names && names[i]; i++)
		free(names[i]);
	free(names);
}

void tree_names_freep(char ***names)
{
	tree_names_free(*names);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int tree_list(const struct volume *volume, const char *path, char ***ret_names)
{
	cleanup(tree_names_freep) char **names = NULL;
	autofree IsoNode **nodes = NULL;
	IsoDir *folder;
	size_t n;
	int r;

	r = find_folder(volume, path, &folder);
	if (r == 0)
		r = children(folder, &nodes, &n);
	if (r < 0)
		return r;
	names = calloc(n + 1, sizeof(char *));
	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		names[i] = strdup(iso_node_get_name(nodes[i]));
		if (!names[i])
			return -ENOMEM;
	}
	qsort(names, n, sizeof(char *), compare_names);
	*ret_names = steal_pointer(names);
	return 0;
}

bool tree_has(const struct volume *volume, const char *path, bool folder)
{
	IsoNode *node;

	return find(volume, path, &node) == 0 &&
	       iso_node_get_type(node) == (folder ? LIBISO_DIR : LIBISO_FILE);
}

static int walk_file(const struct volume *volume, IsoNode *node, tree_extent found, void *data)
{
	struct extent all = volume_partition(volume);
	autofree struct iso_file_section *sections = NULL;
	int code, n = 0, r = 0;

	code = iso_file_get_old_image_sections((IsoFile *)node, &n, &sections, 0);
	if (code < 0)
		return volume_error(code);
	for (int i = 0; code == 1 && i < n && r == 0; i++) {
		struct extent extent = {(uint64_t)sections[i].block * ISO_BLOCK, sections[i].size};

		if (extent.start + extent.size > all.size)
			return -ERR_DAMAGED;
		extent.start += all.start;
		r = found(data, iso_node_get_name(node), extent);
	}
	return r;
}

static int walk(const struct volume *volume, IsoDir *folder, unsigned int depth, tree_extent found,
	void *data)
{
	autofree IsoNode **nodes = NULL;
	size_t n;
	int r;

	if (depth > DEPTH_MAX)
		return -ERR_DAMAGED;
	r = children(folder, &nodes, &n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (iso_node_get_type(nodes[i]) == LIBISO_DIR)
			r = walk(volume, (IsoDir *)nodes[i], depth + 1, found, data);
		else if (iso_node_get_type(nodes[i]) == LIBISO_FILE)
			r = walk_file(volume, nodes[i], found, data);
	}
	return r;
}

int tree_walk(const struct volume *volume, tree_extent found, void *data)
{
	IsoImage *image = volume_image((struct volume *)volume);

	return walk(volume, iso_image_get_root(image), 0, found, data);
}

static int remove_node(IsoNode *node)
{
	autofree IsoNode **nodes = NULL;
	size_t n = 0;
	int r = 0;

	if (iso_node_get_type(node) == LIBISO_DIR)
		r = children((IsoDir *)node, &nodes, &n);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = remove_node(nodes[i]);
	if (r < 0)
		return r;
	return volume_error(iso_node_remove(node));
}

int tree_remove(struct volume *volume, const char *path)
{
	IsoNode *node;
	int r;

	r = find(volume, path, &node);
	return r < 0 ? r : remove_node(node);
}

int tree_rename(struct volume *volume, const char *path, const char *name)
{
	IsoNode *node, *other;
	int r;

	r = find(volume, path, &node);
	if (r < 0)
		return r;
	if (iso_dir_get_node(iso_node_get_parent(node), name, &other) == 1)
		return -EEXIST;
	return volume_error(iso_node_set_name(node, name));
}

int tree_move(struct volume *volume, const char *path, const char *folder, const char *name)
{
	IsoNode *node, *other;
	IsoDir *directory = NULL;
	int r;

	r = find(volume, path, &node);
	if (r == 0)
		r = find_folder(volume, folder, &directory);
	if (r == 0)
		r = volume_error(iso_node_take(node));
	if (r < 0)
		return r;
	/* The node is out of the tree by now, so the other one may be a folder that it was in. */
	if (iso_dir_get_node(directory, name, &other) == 1)
		r = remove_node(other);
	if (r == 0)
		r = volume_error(iso_node_set_name(node, name));
	if (r == 0)
		r = volume_error(iso_dir_add_node(directory, node, ISO_REPLACE_NEVER));
	if (r < 0)
		iso_node_unref(node);
	return r;
}

/* Find the folder that is to get a new file @name. */
static int find_place(
	const struct volume *volume, const char *folder, const char *name, IsoDir **ret_directory)
{
	IsoNode *other;
	int r;

	r = find_folder(volume, folder, ret_directory);
	return r == 0 && iso_dir_get_node(*ret_directory, name, &other) == 1 ? -EEXIST : r;
}

int tree_add_folder(struct volume *volume, const char *folder, const char *name)
{
	IsoDir *directory, *added;
	int r;

	r = find_place(volume, folder, name, &directory);
	return r < 0 ? r
		     : volume_error(iso_image_add_new_dir(
			       volume_image(volume), directory, name, &added));
}

/* A new file of the stream, which belongs to the node if this succeeds. */
static int add_stream(struct volume *volume, IsoDir *directory, const char *name, IsoStream *stream)
{
	IsoFile *file;
	int code;

	code = iso_image_add_new_file(volume_image(volume), directory, (char *)name, stream, &file);
	if (code < 0) {
		iso_stream_unref(stream);
		return volume_error(code);
	}
	iso_node_set_mtime(ISO_NODE(file), time(NULL));
	return 0;
}

int tree_add_text(struct volume *volume, const char *folder, const char *name, const char *text)
{
	IsoDir *directory;
	IsoStream *stream;
	char *copy;
	int code, r;

	r = find_place(volume, folder, name, &directory);
	if (r < 0)
		return r;
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	code = iso_memory_stream_new((unsigned char *)copy, strlen(copy), &stream);
	if (code < 0) {
		free(copy);
		return volume_error(code);
	}
	/* The stream owns the copy. */
	return add_stream(volume, directory, name, stream);
}

static int add_open_file(struct volume *volume, const char *folder, const char *name, int fd)
{
	IsoDir *directory;
	IsoStream *stream;
	int r;

	r = find_place(volume, folder, name, &directory);
	if (r == 0)
		r = filestream_new(fd, &stream);
	return r < 0 ? r : add_stream(volume, directory, name, stream);
}

int tree_add_file(
	struct volume *volume, const char *folder, const char *name, const struct tree_file *file)
{
	autofree char *absolute = file->path ? realpath(file->path, NULL) : NULL;
	const struct volume_file *part = &file->part;
	IsoImage *image = volume_image(volume);
	IsoDir *directory;
	IsoNode *node;
	int code, r;

	if (!file->path)
		return add_open_file(volume, folder, name, file->fd);
	if (!absolute)
		return -errno;
	r = find_place(volume, folder, name, &directory);
	if (r < 0)
		return r;
	if (part->extent.size == 0)
		return volume_error(iso_tree_add_new_node(image, directory, name, absolute, &node));
	code = iso_tree_add_new_cut_out_node(image, directory, name, absolute,
		(off_t)part->extent.start, (off_t)part->extent.size, &node);
	if (code < 0)
		return volume_error(code);
	iso_node_set_mtime(node, part->mtime);
	return 0;
}
