/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The persistence partition's LUKS header, as far as an initrd must be able to open it.
 */

#include "disk.h"

#define LUKS_CIPHERS_MAX 33u /* that of the data, and of LUKS2's 32 keyslots */

struct luks {
	char type[8]; /* "LUKS1", "LUKS2" */
	/* All that a passphrase has to get through: "aes-xts-plain64", each once; "" ends them. */
	char ciphers[LUKS_CIPHERS_MAX][64];
};

/**
 * Read the header of the LUKS volume in @partition (bytes) of @disk with libcryptsetup, without a
 * device of its own: the header is copied to a temporary file. Needs no passphrase and no root.
 * Does not report. Returns -ENOENT if it is not LUKS; -errno.
 */
int luks_read(const struct disk *disk, struct extent partition, struct luks *ret_luks);
