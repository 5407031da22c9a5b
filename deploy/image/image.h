/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The live image that a stick is made from: an ISO 9660 file, read without mounting it.
 */

#include "disk/disk.h"
#include "iso/volume.h"

#define IMAGE_LIVE "/live" /* where its system is */

struct image;

/** Check whether the file or disk @path begins like an ISO 9660 image. Returns -ERR_FOREIGN if not;
 * -errno of opening and reading. Does not report. */
int image_probe(const char *path);

/**
 * Open the live image @path and check that it is one and complete: ISO 9660, as long as it states,
 * containing `live/`, a squashfs, a kernel and its initrd. Reports what is wrong. Returns
 * -ERR_REFUSED if it is not; -errno of opening and reading. The caller frees it with image_close().
 */
int image_open(const char *path, struct image **ret_image);

void image_close(struct image *image);
void image_closep(struct image **image);

const char *image_path(const struct image *image);
const struct disk *image_disk(const struct image *image);
struct volume *image_volume(struct image *image);

/** Its own name: the first line of `.disk/info`, else its volume id; printable text. */
const char *image_name(const struct image *image);

/** The paths of the kernel and the initrd that it boots, "/live/vmlinuz-6.1.0-47-amd64". */
const char *image_kernel(const struct image *image);
const char *image_initrd(const struct image *image);

/** The folder of its system's squashfs files, in or below IMAGE_LIVE ("/live/grml64-full"). */
const char *image_folder(const struct image *image);

/** The kernel parameters of its own default boot entry; "boot=live" if it has none that we can
 * parse. */
const char *image_parameters(const struct image *image);

/** The value of the first of them that begins with @name ("module="). NULL if there is none, or no
 * memory. The caller frees it. */
char *image_parameter(const struct image *image, const char *name);

/** Names in a folder, sorted, NULL-terminated; the caller frees them with tree_names_free().
 * Returns -ENOENT. */
int image_list(const struct image *image, const char *folder, char ***ret_names);

/** The path in the image that matches @path case-insensitively. Returns -ENOENT. The caller frees
 * it. */
int image_resolve(const struct image *image, const char *path, char **ret_path);

/** Read a whole file, with a 0 after its last byte. Returns -ENOENT; -ERR_TOO_LARGE if it is longer
 * than @max bytes; -errno of reading. The caller frees @ret_data. */
int image_read(
	const struct image *image, const char *path, size_t max, void **ret_data, size_t *ret_size);

/** Where a regular file lies in the image, in bytes, and its date. Returns -ENOENT; -ERR_TOO_LARGE
 * as for volume_find(). */
int image_find(const struct image *image, const char *path, struct volume_file *ret_file);
