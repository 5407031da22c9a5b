/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The persistence of an earlier stick that is kept while a new system is written before it.
 */

#include "disk/disk.h"
#include "disk/luks.h"
#include "layout/ids.h"

struct kept {
	struct extent extent;
	char uuid[UUID_TEXT]; /* PARTUUID */
	bool is_encrypted;
	struct luks luks; /* if encrypted */
};

/**
 * Find it on @disk. Reports. Returns -ERR_NOT_STICK if there is none to keep; -ERR_REFUSED if a
 * partition added by the user would be lost; -errno of reading.
 */
int kept_read(const struct disk *disk, struct kept *ret_kept);

/** Are they the same? */
bool kept_is_same(const struct kept *one, const struct kept *other);
