/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A tree in the ISO 9660 volume of the kernel partition, read by libisofs through the disk: at an
 * offset inside a whole stick, without mounting it.
 */

#include <time.h>

#include "disk/disk.h"
#include "pvd.h"

struct volume;
struct Iso_Image;

struct volume_file {
	struct extent extent; /* bytes on the disk */
	time_t mtime;
};

/**
 * Import the tree that @pvd describes, whether it is the volume's own descriptor or an earlier
 * session's. @disk must outlive the volume. Does not report. Returns -ERR_DAMAGED if the tree is
 * damaged; -errno of reading. The caller frees the volume with volume_close().
 */
int volume_open(const struct disk *disk, struct extent partition, const struct pvd *pvd,
	struct volume **ret_volume);

/**
 * Make a volume with an empty tree and the identity of @pvd, for when the tree itself cannot be
 * read. Returns -ENOMEM. The caller frees it as above.
 */
int volume_new_empty(const struct disk *disk, struct extent partition, const struct pvd *pvd,
	struct volume **ret_volume);

void volume_close(struct volume *volume);
void volume_closep(struct volume **volume);

const struct disk *volume_disk(const struct volume *volume);
struct extent volume_partition(const struct volume *volume);
const struct pvd *volume_pvd(const struct volume *volume);

/**
 * Find a regular file by its path ("/live/vmlinuz"). Returns -ENOENT; -ERR_TOO_LARGE if its
 * extents, of which one of more than 4 GiB has several, do not follow each other; -ERR_DAMAGED if
 * it does not lie inside the partition.
 */
int volume_find(const struct volume *volume, const char *path, struct volume_file *ret_file);

/** The image object, for the module that makes a session from it. */
struct Iso_Image *volume_image(struct volume *volume);

/** For every module that calls libisofs: pass its last messages to log_debug() and turn its code
 * into an errno. Returns -ERR_ISOFS if there is no matching errno. */
int volume_error(int isofs_code);
