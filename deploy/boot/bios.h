/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Booting from a PC's BIOS: GRUB's first sector, in the MBR, and its core image, in the BIOS boot
 * partition.
 */

#include <stddef.h>
#include <stdint.h>

#include "grubimage.h"

#define BIOS_BOOT_SIZE 440u	      /* of the MBR: the disk's signature and the table follow */
#define BIOS_CORE_LBA  34u	      /* where the core image begins, in sectors of 512 bytes */
#define BIOS_CORE_MAX  (2014u * 512u) /* up to 1 MiB, where partition 1 begins */

struct bios {
	uint8_t boot[BIOS_BOOT_SIZE];
	void *core;
	size_t core_size;      /* bytes, whole sectors; 0: there is none */
	struct grubimage grub; /* the core image, while it is being made */
};

/**
 * Start making both, such that GRUB finds its files on partition 3 of the disk it was started from.
 * If GRUB's files for BIOS are not installed, warns, and there will be none. Reports. Returns
 * -errno. Free with bios_clear().
 */
int bios_begin(struct bios *ret_bios);

/** Wait until they are made, if that was started. Reports. Returns -errno. */
int bios_finish(struct bios *bios);

void bios_clear(struct bios *bios);
