/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Where the partitions of a new stick lie. The numbers are those of the published layout.
 */

#include "base/util.h"
#include "disk/disk.h"
#include "stick/stick.h"

#define LAYOUT_BIOS	  5u /* GRUB's core image: behind the table, ahead of partition 1 */
#define LAYOUT_PARTITIONS 5u
#define LAYOUT_ESP_SIZE	  (64ull * MIB)

/* Of the partition table, at both ends of the disk (UEFI 5.3.1). */
#define LAYOUT_TABLE_PRIMARY_SIZE (34u * SECTOR_SIZE) /* MBR, header, entries */
#define LAYOUT_TABLE_BACKUP_SIZE                                        \
	(33u * SECTOR_SIZE) /* entries, header: the disk's last sectors \
			     */

#define LAYOUT_SESSION_SIZE MIB /* more than a kernel set takes in its slot beside its files */

struct layout_wish {
	uint64_t disk_size;   /* all in bytes */
	uint64_t system_size; /* of partition 1's content */
	uint64_t set_size;    /* kernel and initrd */
	uint64_t kernel_size; /* of partition 2; 0: max(256 MiB, 3 sets), to full 64 MiB */
	bool persistence;
	/* The persistence of an earlier stick, to stay as it is; size 0: none. Where partition 2
	 * has no named size, it gets less if that makes room ahead of it, but not less than 3 sets.
	 */
	struct extent kept;
};

struct layout {
	uint64_t disk_size;
	struct extent partitions[LAYOUT_PARTITIONS + 1]; /* by number; size 0: none */
};

/** Lay the partitions out. Does not report. Returns -ERR_NO_ROOM, and in @ret_needed the size in
 * bytes of a disk that is large enough; with a kept persistence, the byte at which that would have
 * to begin. */
int layout_make(const struct layout_wish *wish, struct layout *ret_layout, uint64_t *ret_needed);
