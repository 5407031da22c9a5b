/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The persistence partition's LUKS header, as far as an initrd must be able to open it.
 */

#include "disk.h"

struct luks {
	char type[8];	 /* "LUKS1", "LUKS2" */
	char cipher[32]; /* "aes" */
	char mode[32];	 /* "xts-plain64" */
};

/**
 * Read the header of the LUKS volume in @partition (bytes) of @disk with libcryptsetup, without a
 * device of its own: the header is copied to a temporary file. Needs no passphrase and no root.
 * Does not report. Returns -ENOENT if it is not LUKS; -errno.
 */
int luks_read(const struct disk *disk, struct extent partition, struct luks *ret_luks);
