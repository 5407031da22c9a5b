/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The persistence partition's LUKS header: what an initrd needs to be able to open it.
 */

#include "disk.h"

#define LUKS_CIPHERS_MAX 33u /* that of the data and those of LUKS2's 32 keyslots */

struct luks {
	char type[8]; /* "LUKS1", "LUKS2" */
	/* All ciphers needed to unlock it with a passphrase: "aes-xts-plain64", each once; "" ends
	 * them. */
	char ciphers[LUKS_CIPHERS_MAX][64];
};

/**
 * Read the header of the LUKS volume in @partition (bytes) of @disk with libcryptsetup, without
 * setting up a device: the header is copied to a temporary file. Needs neither passphrase nor root.
 * Does not report. Returns -ENOENT if it is not LUKS; -errno.
 */
int luks_read(const struct disk *disk, struct extent partition, struct luks *ret_luks);
