/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The files of a squashfs that lies inside a larger file, such as an image's `filesystem.squashfs`,
 * or of several: read without mounting them, by libsquashfs (squashfs-tools-ng).
 */

#include <stddef.h>

#include "disk/disk.h"

struct squash;

/**
 * Open the squashfs at @extent (bytes) of @disk, which must outlive it. Does not report. Returns
 * -ERR_FOREIGN if it is not one; -ERR_UNSUPPORTED if it is compressed in a way that this build of
 * libsquashfs cannot read; -ERR_DAMAGED; -errno of reading. The caller frees it with
 * squash_close().
 */
int squash_open(const struct disk *disk, struct extent extent, struct squash **ret_squash);

void squash_close(struct squash *squash);
void squash_closep(struct squash **squash);

/* One or several that are mounted over each other (overlayfs): of a path in several of them the
 * first counts; folders have the entries of all. */
#define SQUASH_LAYERS_MAX 32u
struct squash_layers {
	struct squash *list[SQUASH_LAYERS_MAX]; /* the topmost first */
	size_t n;
};

/**
 * Read the regular file @path ("usr/sbin/cryptsetup"), with a 0 after its last byte that does not
 * count in @ret_size. Symbolic links are followed, absolute ones from the root; what leads out of
 * it stays in it. Returns -ENOENT; -ELOOP; -ERR_FOREIGN if it is not a regular file; -ERR_TOO_LARGE
 * if it has more than @max bytes; -ERR_DAMAGED; -errno of reading. The caller frees @ret_data.
 */
int squash_read(const struct squash_layers *layers, const char *path, size_t max, void **ret_data,
	size_t *ret_size);

/** Is there anything at @path? Returns 1 or 0; errors as above. */
int squash_has(const struct squash_layers *layers, const char *path);
