/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Partition 3, the EFI System Partition: FAT32 with the boot loaders, the boot menu and grubenv.
 */

#include <stdint.h>

#include "loaders.h"
#include "output/output.h"

#define ESP_LABEL "LIVENG_EFI"

/**
 * Make it, @size bytes with the FAT volume id @id, in an unnamed file, with mkfs.fat and mtools.
 * Reports. Returns -ERR_TOOL if they fail, also for want of room; -errno. The caller closes
 * @ret_fd.
 */
int esp_build(
	const struct loaders *loaders, const char *menu, uint64_t size, uint32_t id, int *ret_fd);

/** How many bytes esp_write() writes. Returns -errno of reading. */
int esp_bytes(int fd, uint64_t size, uint64_t *ret_bytes);

/** Write what esp_build() made to byte @offset of the target: every part that a reader of the file
 * system may look at. Does not report. Returns as output_copy(). */
int esp_write(struct output *output, uint64_t offset, int fd, uint64_t size);
