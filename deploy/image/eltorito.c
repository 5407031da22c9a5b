/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "eltorito.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "base/util.h"

/* El Torito 1.0, figure 7: the boot record in block 17, which contains the catalog's block
 * number. */
#define RECORD_LBA     17u
#define RECORD_ID      "\0CD001\1EL TORITO SPECIFICATION"
#define RECORD_CATALOG 0x47u

/* Figures 2 to 5: entries of 32 bytes. The first two are the validation entry, with the platform,
 * and the default entry of that platform; then sections, each with its header. */
struct entry {
	uint8_t id;	      /* 0: 01 validation, 88 bootable, 90 and 91 (last) section headers */
	uint8_t platform;     /* 1: of validation entry and section header; EF: UEFI */
	uint16_t count;	      /* 2: of a section's entries */
	uint8_t unused[4];    /* 4 */
	uint32_t block;	      /* 8: of a bootable entry: where its image begins */
	uint8_t criteria[20]; /* 12 */
} __attribute__((packed));
#define ID_BOOTABLE    0x88u
#define ID_HEADER      0x90u
#define ID_LAST_HEADER 0x91u
#define PLATFORM_EFI   0xefu

int eltorito_find_efi(const struct disk *disk, struct extent *ret_extent)
{
	uint8_t record[ISO_BLOCK];
	struct entry entries[ISO_BLOCK / sizeof(struct entry)];
	uint8_t platform;
	uint32_t block;
	int r;

	r = disk_read(disk, RECORD_LBA * ISO_BLOCK, record, sizeof(record));
	if (r < 0)
		return r == -ERR_SHORT ? -ENOENT : r;
	if (memcmp(record, RECORD_ID, sizeof(RECORD_ID) - 1) != 0)
		return -ENOENT;
	memcpy(&block, record + RECORD_CATALOG, sizeof(block));
	r = disk_read(disk, (uint64_t)le32toh(block) * ISO_BLOCK, entries, sizeof(entries));
	if (r < 0)
		return r == -ERR_SHORT ? -ENOENT : r;

	platform = entries[0].platform;
	for (size_t i = 1; i < ARRAY_SIZE(entries); i++) {
		uint64_t start = (uint64_t)le32toh(entries[i].block) * ISO_BLOCK;

		if (entries[i].id == ID_HEADER || entries[i].id == ID_LAST_HEADER) {
			platform = entries[i].platform;
			continue;
		}
		if (entries[i].id != ID_BOOTABLE || platform != PLATFORM_EFI ||
			start >= disk_size(disk))
			continue;
		*ret_extent = (struct extent){start, disk_size(disk) - start};
		return 0;
	}
	return -ENOENT;
}
