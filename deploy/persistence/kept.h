/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The persistence of an earlier stick that a new system is put ahead of.
 */

#include "disk/disk.h"
#include "disk/luks.h"
#include "layout/ids.h"

struct kept {
	struct extent extent;
	char uuid[UUID_TEXT]; /* PARTUUID */
	bool is_encrypted;
	struct luks luks; /* of an encrypted one */
};

/**
 * Find it on @disk. Reports. Returns -ERR_NOT_STICK if there is none to keep; -ERR_REFUSED if a
 * partition that somebody added would be lost; -errno of reading.
 */
int kept_read(const struct disk *disk, struct kept *ret_kept);

/** Is it the same one still? */
bool kept_is_same(const struct kept *one, const struct kept *other);
