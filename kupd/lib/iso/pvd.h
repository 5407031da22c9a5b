/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The primary volume descriptor of an ISO 9660 volume (ECMA-119 8.4): the one block that determines
 * which tree the volume has. All fields that do so are in its first 512 bytes, so writing one
 * sector switches from one tree to another.
 */

#include "base/util.h"
#include "disk/disk.h"

#define PVD_LBA 16u /* of the volume's own one; also its offset within a session */

struct pvd {
	uint8_t block[ISO_BLOCK]; /* as on the medium */
	uint32_t root_lba;	  /* root directory extent */
	uint32_t root_size;	  /* bytes */
	char volume_id[33];
};

/**
 * Parse @block, the descriptor of a volume of at most @max_blocks blocks. Returns -ERR_FOREIGN if
 * it is not a primary volume descriptor, -ERR_DAMAGED if its fields contradict each other or the
 * size.
 */
int pvd_parse(const uint8_t block[ISO_BLOCK], uint64_t max_blocks, struct pvd *ret_pvd);

/** Read and parse the one at block @lba of @partition (bytes). Returns pvd_parse()'s and read
 * errors. */
int pvd_read(const struct disk *disk, struct extent partition, uint32_t lba, struct pvd *ret_pvd);

/**
 * A descriptor for a volume yet to be created: called @label, 1 to 32 printable ASCII characters,
 * with @date as modification date, 16 digits (YYYYMMDDhhmmsscc; NULL: now). It refers to no tree
 * and must not be written. Returns -EINVAL if one of them is invalid.
 */
int pvd_new(const char *label, const char *date, struct pvd *ret_pvd);

/** Give @pvd the volume identifier and the dates of @other, which comes from pvd_new(). */
void pvd_rename(struct pvd *pvd, const struct pvd *other);

/** How many blocks the volume has according to its descriptor. */
uint64_t pvd_blocks(const struct pvd *pvd);

/** Set the volume's size to @blocks blocks: a tree may have files past the end of its own
 * session. */
void pvd_set_blocks(struct pvd *pvd, uint64_t blocks);

/**
 * The sector that makes @next's tree the current one in the volume of @current: @current's first
 * 512 bytes with the structural fields of @next (volume space size, path tables, root directory).
 */
void pvd_switch(const struct pvd *current, const struct pvd *next, uint8_t ret_sector[SECTOR_SIZE]);

/** The date that libblkid shows as the UUID: 16 digits, that of modification, or else of creation
 * (ECMA-119 8.4.26). */
void pvd_date(const struct pvd *pvd, char ret_digits[17]);

/* What follows the volume's primary descriptor. */
enum pvd_next {
	PVD_NEXT_TERMINATOR,
	PVD_NEXT_OTHER,	  /* other descriptors (Joliet, boot record), then the terminator */
	PVD_NEXT_DAMAGED, /* no terminator: GRUB then finds no file system at all */
};

/** Find out what is at PVD_LBA + 1. Returns -errno of reading. */
int pvd_read_next(const struct disk *disk, struct extent partition, enum pvd_next *ret_next);

/** The first sector of a volume descriptor set terminator (ECMA-119 8.3); the rest of it
 * is zero. */
void pvd_terminator(uint8_t ret_sector[SECTOR_SIZE]);
