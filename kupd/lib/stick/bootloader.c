/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "bootloader.h"

#include "base/util.h"
#include "disk/fat.h"
#include "kernel/pe.h"

#define HEAD_SECTORS 8u /* the headers of a PE image are at its beginning */

static bool is_signed(const struct disk *disk, struct extent esp, const char *path)
{
	uint8_t head[HEAD_SECTORS * SECTOR_SIZE];
	uint64_t sectors[HEAD_SECTORS], size;
	size_t n = 0;

	if (fat_locate(disk, esp, path, &size, sectors, HEAD_SECTORS) < 0)
		return false;
	for (; n < HEAD_SECTORS && n * SECTOR_SIZE < size; n++)
		if (disk_read_medium(disk, sectors[n], head + n * SECTOR_SIZE, SECTOR_SIZE) < 0)
			return false;
	return pe_head_is_signed(head, n * SECTOR_SIZE);
}

bool bootloader_is_signed(const struct disk *disk, struct extent esp)
{
	static const char *const paths[] = {
		"EFI/BOOT/BOOTX64.EFI", "EFI/BOOT/BOOTAA64.EFI", "EFI/BOOT/BOOTIA32.EFI"};

	for (size_t i = 0; esp.size > 0 && i < ARRAY_SIZE(paths); i++)
		if (is_signed(disk, esp, paths[i]))
			return true;
	return false;
}
