/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Booting by a PC's BIOS: GRUB's first sector, which the MBR holds, and its core image, which the
 * BIOS boot partition holds.
 */

#include <stddef.h>
#include <stdint.h>

#include "grubimage.h"

#define BIOS_BOOT_SIZE 440u /* of the MBR: behind it stand the disk's signature and the table */
#define BIOS_CORE_LBA  34u  /* where the core image begins, sectors of 512 bytes */
#define BIOS_CORE_MAX  (2014u * 512u) /* up to 1 MiB, where partition 1 begins */

struct bios {
	uint8_t boot[BIOS_BOOT_SIZE];
	void *core;
	size_t core_size;      /* bytes, full sectors; 0: none is there */
	struct grubimage grub; /* the core image, while it is made */
};

/**
 * Begin to make both, so that GRUB finds its files on partition 3 of the disk that it was started
 * from. If GRUB's files for a BIOS are not installed, that is a warning, and there will be none.
 * Reports. Returns -errno. Ends with bios_clear().
 */
int bios_begin(struct bios *ret_bios);

/** Wait until they are made, if that has begun. Reports. Returns -errno. */
int bios_finish(struct bios *bios);

void bios_clear(struct bios *bios);
