/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The live image that a stick is made from: an ISO 9660 file, read without a mount.
 */

#include "disk/disk.h"
#include "iso/volume.h"

struct image;

/** Does the file or disk @path begin as an ISO 9660 image does? Returns -ERR_FOREIGN if not; -errno
 * of opening and reading. Does not report. */
int image_probe(const char *path);

/**
 * Open the live image @path and see that it is one, whole: ISO 9660, as long as it says, with
 * `live/`, a squashfs, a kernel and its initrd in it. Reports what is wrong.
 * Returns -ERR_REFUSED if it is none; -errno of opening and reading.
 * The caller frees it with image_close().
 */
int image_open(const char *path, struct image **ret_image);

void image_close(struct image *image);
void image_closep(struct image **image);

const char *image_path(const struct image *image);
const struct disk *image_disk(const struct image *image);
struct volume *image_volume(struct image *image);

/** What it calls itself: the first line of `.disk/info`, else its volume id; printable ASCII. */
const char *image_name(const struct image *image);

/** The paths of the kernel and the initrd that it boots, "/live/vmlinuz-6.1.0-47-amd64". */
const char *image_kernel(const struct image *image);
const char *image_initrd(const struct image *image);

/** The kernel parameters of its own default boot entry; "boot=live" if it has none that is ours to
 * read. */
const char *image_parameters(const struct image *image);

/** Names in a folder, sorted, NULL-ended; the caller frees them with tree_names_free(). Returns
 * -ENOENT. */
int image_list(const struct image *image, const char *folder, char ***ret_names);

/** The path as it stands in the image of one that may differ in case. Returns -ENOENT. The caller
 * frees it. */
int image_resolve(const struct image *image, const char *path, char **ret_path);

/** Read a whole file, with a 0 behind its last byte. Returns -ENOENT; -ERR_TOO_LARGE if it is
 * longer than
 * @max bytes; -errno of reading. The caller frees @ret_data. */
int image_read(
	const struct image *image, const char *path, size_t max, void **ret_data, size_t *ret_size);

/** Where a plain file lies in the image, bytes, and its date. Returns -ENOENT; -ERR_TOO_LARGE if in
 * several pieces. */
int image_find(const struct image *image, const char *path, struct volume_file *ret_file);
