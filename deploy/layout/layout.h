/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The partitions of a new stick. The numbers are those of the published layout.
 */

#include "base/util.h"
#include "disk/disk.h"
#include "stick/stick.h"

#define LAYOUT_BIOS	  5u /* GRUB's core image: between the table and partition 1 */
#define LAYOUT_PARTITIONS 5u
#define LAYOUT_ESP_SIZE	  (64ull * MIB)

/* The partition table (UEFI 5.3.1): MBR, header and entries at the start of the disk; entries and
 * header in its last sectors. */
#define LAYOUT_TABLE_PRIMARY_SIZE (34u * SECTOR_SIZE)
#define LAYOUT_TABLE_BACKUP_SIZE  (33u * SECTOR_SIZE)

#define LAYOUT_SESSION_SIZE MIB /* more than a kernel set needs in its slot besides its files */

struct layout_request {
	uint64_t disk_size;   /* all in bytes */
	uint64_t system_size; /* of partition 1's content */
	uint64_t set_size;    /* kernel and initrd */
	uint64_t kernel_size; /* of partition 2; 0: max(256 MiB, 3 sets), rounded up to 64 MiB */
	bool persistence;
	/* The persistence of an earlier stick, to keep unchanged; size 0: none. If no size is given
	 * for partition 2, it gets less if that makes everything fit before the persistence, but
	 * not less than 3 sets.
	 */
	struct extent kept;
};

struct layout {
	uint64_t disk_size;
	struct extent partitions[LAYOUT_PARTITIONS + 1]; /* by number; size 0: none */
};

/** Lay the partitions out. Does not report. Returns -ERR_NO_ROOM, and in @ret_needed the size in
 * bytes of a disk that is large enough; with a kept persistence, the byte at which it would have to
 * begin. */
int layout_make(
	const struct layout_request *request, struct layout *ret_layout, uint64_t *ret_needed);
