/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The FAT that an image boots from under UEFI, as its El Torito boot catalog names it.
 */

#include "disk/disk.h"

/**
 * Where that FAT lies on @disk, which holds an ISO 9660 image, in bytes; it ends where the image
 * ends, at the latest. Does not report. Returns -ENOENT if there is none; -errno of reading.
 */
int eltorito_find_efi(const struct disk *disk, struct extent *ret_extent);
