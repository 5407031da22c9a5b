/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "bios.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "base/util.h"
#include "grubimage.h"

#define PLATFORM "i386-pc"
#define PREFIX	 "(,gpt3)/boot/grub" /* no disk: the one the BIOS booted from */

/* GRUB's boot.img (grub/i386/pc/boot.h): the location of the core image, and a jump that two NOPs
 * replace, so that the BIOS' own drive number is used. */
#define BOOT_KERNEL_SECTOR 0x5cu
#define BOOT_DRIVE_CHECK   0x66u
#define NOP		   0x90u

/* GRUB's diskboot.img, the core image's first sector: at its end, the list of where the rest is.
 */
struct block_list {
	uint64_t start;	  /* 0: sector */
	uint16_t length;  /* 8: sectors */
	uint16_t segment; /* 10: where to load them */
} __attribute__((packed));
static_assert(sizeof(struct block_list) == 12, "grub/offsets.h: grub_boot_blocklist");
#define LIST_OFFSET (SECTOR_SIZE - sizeof(struct block_list))

static int read_boot(uint8_t ret_boot[BIOS_BOOT_SIZE])
{
	autofree char *folder = NULL, *path = NULL;
	uint64_t sector = htole64(BIOS_CORE_LBA);
	autofree void *data = NULL;
	size_t size;
	int r;

	r = grubimage_folder(PLATFORM, &folder);
	if (r < 0)
		return r;
	path = text_new("%s/boot.img", folder);
	if (!path)
		return -ENOMEM;
	r = file_read_whole(path, SECTOR_SIZE, &data, &size);
	if (r == 0 && size != SECTOR_SIZE)
		r = -ERR_DAMAGED;
	if (r < 0)
		return report(r, "%s: cannot read GRUB's boot sector", path);
	memcpy(ret_boot, data, BIOS_BOOT_SIZE);
	memcpy(ret_boot + BOOT_KERNEL_SECTOR, &sector, sizeof(sector));
	memset(ret_boot + BOOT_DRIVE_CHECK, NOP, 2);
	return 0;
}

/* Pad to whole sectors and set where the sectors after the first one are. */
static int finish_core(void **core, size_t *size)
{
	size_t full = (size_t)ROUND_UP(*size, SECTOR_SIZE);
	struct block_list list;
	uint8_t *grown;

	if (*size <= SECTOR_SIZE || full > BIOS_CORE_MAX)
		return refuse(-ERR_TOO_LARGE,
			"grub-mkimage made a core image of %zu bytes: it must have more than one "
			"sector and at most %u bytes",
			*size, BIOS_CORE_MAX);
	grown = realloc(*core, full);
	if (!grown)
		return -ENOMEM;
	memset(grown + *size, 0, full - *size);
	memcpy(&list, grown + LIST_OFFSET, sizeof(list));
	list.start = htole64(BIOS_CORE_LBA + 1);
	memcpy(grown + LIST_OFFSET, &list, sizeof(list));
	*core = grown;
	*size = full;
	return 0;
}

int bios_begin(struct bios *ret_bios)
{
	struct bios bios = {0};
	int r;

	r = read_boot(bios.boot);
	if (r == -ENOENT) {
		log_warning("the stick will boot with UEFI only, not with BIOS: GRUB's files for "
			    "BIOS are not installed (%s)",
			grubimage_package(PLATFORM));
		return 0;
	}
	if (r == 0)
		r = grubimage_begin(PLATFORM, PREFIX, false, &bios.grub);
	if (r == 0)
		*ret_bios = bios;
	return r;
}

int bios_finish(struct bios *bios)
{
	int r;

	if (bios->grub.child.pid == 0)
		return 0;
	r = grubimage_finish(&bios->grub, &bios->core, &bios->core_size);
	return r == 0 ? finish_core(&bios->core, &bios->core_size) : r;
}

void bios_clear(struct bios *bios)
{
	grubimage_stop(&bios->grub);
	free(bios->core);
	*bios = (struct bios){0};
}
