/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The FAT that an image boots from with UEFI, according to its El Torito boot catalog.
 */

#include "disk/disk.h"

/**
 * Where that FAT lies on @disk, which holds an ISO 9660 image, in bytes; its size extends to the
 * end of the image, as it is not known exactly. Does not report. Returns -ENOENT if there is none;
 * -errno of reading.
 */
int eltorito_find_efi(const struct disk *disk, struct extent *ret_extent);
