/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "squash.h"

#include <limits.h>
#include <sqfs/compressor.h>
#include <sqfs/data_reader.h>
#include <sqfs/dir.h>
#include <sqfs/dir_reader.h>
#include <sqfs/error.h>
#include <sqfs/inode.h>
#include <sqfs/io.h>
#include <sqfs/super.h>
#include <string.h>

#include "base/util.h"

#define LINKS_MAX 40u /* as in the kernel: MAXSYMLINKS */
#define PIECE	  MIB

/* What libsquashfs reads from; it must come first, since libsquashfs knows only that. */
struct window {
	sqfs_file_t file;
	const struct disk *disk;
	struct extent extent;
	int error; /* of reading the disk: libsquashfs has one number for all */
};

struct squash {
	struct window window;
	sqfs_super_t super; /* libsquashfs keeps pointers to it */
	sqfs_compressor_t *compressor;
	sqfs_dir_reader_t *folders;
	sqfs_data_reader_t *data;
};

static int window_read(sqfs_file_t *file, sqfs_u64 offset, void *buffer, size_t size)
{
	struct window *window = (struct window *)file;
	int r;

	if (offset > window->extent.size || size > window->extent.size - offset)
		return SQFS_ERROR_OUT_OF_BOUNDS;
	r = disk_read(window->disk, window->extent.start + offset, buffer, size);
	if (r < 0) {
		window->error = r;
		return SQFS_ERROR_IO;
	}
	return 0;
}

static sqfs_u64 window_size(const sqfs_file_t *file)
{
	return ((const struct window *)file)->extent.size;
}

/* The error number for libsquashfs's @code. */
static int squash_error(const struct squash *squash, int code)
{
	if (code >= 0)
		return 0;
	switch (code) {
	case SQFS_ERROR_ALLOC:
		return -ENOMEM;
	case SQFS_ERROR_IO:
		return squash->window.error ?: -EIO;
	case SQFS_ERROR_NO_ENTRY:
	case SQFS_ERROR_NOT_DIR:
		return -ENOENT;
	case SQFS_ERROR_UNSUPPORTED:
	case SFQS_ERROR_SUPER_VERSION:
		return -ERR_UNSUPPORTED;
	case SFQS_ERROR_SUPER_MAGIC:
		return -ERR_FOREIGN;
	default:
		return -ERR_DAMAGED;
	}
}

static void inode_freep(sqfs_inode_generic_t **inode)
{
	sqfs_free(*inode);
}

static int open_all(struct squash *squash)
{
	sqfs_file_t *file = &squash->window.file;
	sqfs_super_t *super = &squash->super;
	sqfs_compressor_config_t config;
	int code;

	code = sqfs_super_read(super, file);
	if (code == 0 && super->bytes_used > squash->window.extent.size)
		return -ERR_DAMAGED;
	if (code == 0)
		code = sqfs_compressor_config_init(&config, super->compression_id,
			super->block_size, SQFS_COMP_FLAG_UNCOMPRESS);
	if (code == 0)
		code = sqfs_compressor_create(&config, &squash->compressor);
	if (code < 0)
		return squash_error(squash, code);
	squash->folders = sqfs_dir_reader_create(super, squash->compressor, file, 0);
	squash->data = sqfs_data_reader_create(file, super->block_size, squash->compressor, 0);
	if (!squash->folders || !squash->data)
		return -ENOMEM;
	return squash_error(squash, sqfs_data_reader_load_fragment_table(squash->data, super));
}

int squash_open(const struct disk *disk, struct extent extent, struct squash **ret_squash)
{
	cleanup(squash_closep) struct squash *squash = calloc(1, sizeof(*squash));
	int r;

	if (!squash)
		return -ENOMEM;
	squash->window = (struct window){
		.file = {.read_at = window_read, .get_size = window_size},
		.disk = disk,
		.extent = extent,
	};
	r = open_all(squash);
	if (r < 0)
		return r;
	*ret_squash = steal_pointer(squash);
	return 0;
}

void squash_close(struct squash *squash)
{
	if (!squash)
		return;
	if (squash->data)
		sqfs_destroy(squash->data);
	if (squash->folders)
		sqfs_destroy(squash->folders);
	if (squash->compressor)
		sqfs_destroy(squash->compressor);
	free(squash);
}

void squash_closep(struct squash **squash)
{
	squash_close(*squash);
}

/* The entry @name of the folder @folder. */
static int child_of(struct squash *squash, const sqfs_inode_generic_t *folder, const char *name,
	sqfs_inode_generic_t **ret_inode)
{
	int code = sqfs_dir_reader_open_dir(squash->folders, folder, 0);

	if (code == 0)
		code = sqfs_dir_reader_find(squash->folders, name);
	if (code == 0)
		code = sqfs_dir_reader_get_inode(squash->folders, ret_inode);
	return squash_error(squash, code);
}

static bool is_link(const sqfs_inode_generic_t *inode)
{
	return inode->base.type == SQFS_INODE_SLINK || inode->base.type == SQFS_INODE_EXT_SLINK;
}

static const char *link_target(const sqfs_inode_generic_t *inode, size_t *ret_length)
{
	*ret_length = inode->base.type == SQFS_INODE_SLINK ? inode->data.slink.target_size
							   : inode->data.slink_ext.target_size;
	return (const char *)inode->extra;
}

/* Put what the link @inode leads to in front of @rest, which lies in @todo. */
static int put_in_front(const sqfs_inode_generic_t *inode, const char *rest, char todo[PATH_MAX])
{
	size_t length, rest_length = strlen(rest);
	const char *target = link_target(inode, &length);

	if (length + 1 + rest_length >= PATH_MAX)
		return -ENAMETOOLONG;
	memmove(todo + length + 1, rest, rest_length + 1);
	memcpy(todo, target, length);
	todo[length] = '/';
	return 0;
}

/* The last part of @path that has been walked goes: "usr/lib" becomes "usr". */
static void go_up(char *path)
{
	char *slash = strrchr(path, '/');

	*(slash ?: path) = '\0';
}

static bool is_folder(const sqfs_inode_generic_t *inode)
{
	return inode->base.type == SQFS_INODE_DIR || inode->base.type == SQFS_INODE_EXT_DIR;
}

/* What overlayfs takes for a file that was removed. */
static bool is_whiteout(const sqfs_inode_generic_t *inode)
{
	return (inode->base.type == SQFS_INODE_CDEV && inode->data.dev.devno == 0) ||
	       (inode->base.type == SQFS_INODE_EXT_CDEV && inode->data.dev_ext.devno == 0);
}

/* What the layers have at some path: the topmost counts, but folders have the entries of all. */
struct place {
	sqfs_inode_generic_t *inodes[SQUASH_LAYERS_MAX]; /* NULL: nothing that counts */
};

static void place_clear(struct place *place)
{
	for (size_t i = 0; i < SQUASH_LAYERS_MAX; i++)
		sqfs_free(place->inodes[i]);
	*place = (struct place){.inodes = {NULL}};
}

static int go_to_root(const struct squash_layers *layers, struct place *place)
{
	int r = 0;

	place_clear(place);
	for (size_t i = 0; r == 0 && i < layers->n; i++)
		r = squash_error(
			layers->list[i], sqfs_dir_reader_get_root_inode(
						 layers->list[i]->folders, &place->inodes[i]));
	return r;
}

/* From a folder to its entry @name. */
static int go_down(const struct squash_layers *layers, struct place *place, const char *name)
{
	bool is_hidden = false; /* by something above that is not a folder */
	int r = -ENOENT;

	for (size_t i = 0; i < layers->n; i++) {
		cleanup(inode_freep) sqfs_inode_generic_t *folder = steal_pointer(place->inodes[i]);
		cleanup(inode_freep) sqfs_inode_generic_t *inode = NULL;
		int error = -ENOENT;

		if (folder && !is_hidden)
			error = child_of(layers->list[i], folder, name, &inode);
		if (error == -ENOENT)
			continue;
		if (error < 0)
			return error;
		is_hidden = !is_folder(inode);
		if (is_whiteout(inode) || (r == 0 && is_hidden))
			continue;
		place->inodes[i] = steal_pointer(inode);
		r = 0;
	}
	return r;
}

/* What is at @path, which has no links and no dots. The caller frees @ret_inode. */
static int walk(const struct squash_layers *layers, const char *path, struct squash **ret_layer,
	sqfs_inode_generic_t **ret_inode)
{
	cleanup(place_clear) struct place place = {.inodes = {NULL}};
	char name[NAME_MAX + 1];
	int r = go_to_root(layers, &place);

	while (r == 0 && *path) {
		size_t length = strcspn(path, "/");

		if (length > NAME_MAX)
			return -ENOENT;
		snprintf(name, sizeof(name), "%.*s", (int)length, path);
		r = go_down(layers, &place, name);
		path += length + (path[length] == '/');
	}
	for (size_t i = 0; r == 0 && i < layers->n; i++) {
		if (!place.inodes[i])
			continue;
		*ret_layer = layers->list[i];
		*ret_inode = steal_pointer(place.inodes[i]);
		return 0;
	}
	return r < 0 ? r : -ENOENT;
}

/* The same for any path. */
static int follow(const struct squash_layers *layers, const char *path, struct squash **ret_layer,
	sqfs_inode_generic_t **ret_inode)
{
	cleanup(inode_freep) sqfs_inode_generic_t *inode = NULL;
	char done[PATH_MAX] = "", todo[PATH_MAX];
	unsigned int links = 0;
	const char *rest = todo;
	int r;

	if (snprintf(todo, sizeof(todo), "%s", path) >= (int)sizeof(todo))
		return -ENAMETOOLONG;
	for (;;) {
		size_t length, used = strlen(done);

		rest += strspn(rest, "/");
		length = strcspn(rest, "/");
		if (length == 0)
			break;
		if (length == 2 && memcmp(rest, "..", 2) == 0)
			go_up(done);
		else if ((length != 1 || *rest != '.') &&
			 snprintf(done + used, sizeof(done) - used, "%s%.*s", used ? "/" : "",
				 (int)length, rest) >= (int)(sizeof(done) - used))
			return -ENAMETOOLONG;
		rest += length;
		sqfs_free(inode);
		inode = NULL;
		r = walk(layers, done, ret_layer, &inode);
		if (r < 0)
			return r;
		if (!is_link(inode))
			continue;
		if (++links > LINKS_MAX)
			return -ELOOP;
		r = put_in_front(inode, rest, todo);
		if (r < 0)
			return r;
		rest = todo;
		if (*rest == '/')
			*done = '\0';
		else
			go_up(done);
	}
	if (!inode)
		return -ERR_FOREIGN; /* the root itself */
	*ret_inode = steal_pointer(inode);
	return 0;
}

static int read_content(
	struct squash *squash, const sqfs_inode_generic_t *inode, uint8_t *bytes, size_t size)
{
	for (size_t done = 0; done < size;) {
		sqfs_s32 n = sqfs_data_reader_read(squash->data, inode, done, bytes + done,
			(sqfs_u32)MIN(size - done, (size_t)PIECE));

		if (n < 0)
			return squash_error(squash, n);
		if (n == 0)
			return -ERR_DAMAGED;
		done += (size_t)n;
	}
	return 0;
}

int squash_has(const struct squash_layers *layers, const char *path)
{
	cleanup(inode_freep) sqfs_inode_generic_t *inode = NULL;
	struct squash *layer;
	int r = follow(layers, path, &layer, &inode);

	return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

int squash_read(const struct squash_layers *layers, const char *path, size_t max, void **ret_data,
	size_t *ret_size)
{
	cleanup(inode_freep) sqfs_inode_generic_t *inode = NULL;
	autofree uint8_t *bytes = NULL;
	struct squash *layer;
	sqfs_u64 size = 0;
	int r;

	r = follow(layers, path, &layer, &inode);
	if (r < 0)
		return r;
	if (inode->base.type != SQFS_INODE_FILE && inode->base.type != SQFS_INODE_EXT_FILE)
		return -ERR_FOREIGN;
	sqfs_inode_get_file_size(inode, &size);
	if (size > max)
		return -ERR_TOO_LARGE;
	bytes = malloc((size_t)size + 1);
	if (!bytes)
		return -ENOMEM;
	r = read_content(layer, inode, bytes, (size_t)size);
	if (r < 0)
		return r;
	bytes[size] = 0;
	*ret_data = steal_pointer(bytes);
	*ret_size = (size_t)size;
	return 0;
}
