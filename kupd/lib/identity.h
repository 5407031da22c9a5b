/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What other programs know a file system by: its type, label and UUID, as libblkid reads them.
 */

#include <blkid.h>

#include "disk.h"

struct identity {
	char type[32];
	/* What is not printable ASCII is a `?`: whoever made it chose it, and it goes to terminals.
	 */
	char label[48];
	char uuid[48];
};

/**
 * Identify what lies in @extent (bytes) of @disk. Does not report.
 * Returns -ENOENT if it is nothing that is known, or could be two things; -errno of reading.
 */
int identity_read(const struct disk *disk, struct extent extent, struct identity *ret_identity);

/** A libblkid probe of @extent. The caller frees it. Returns -ENOMEM; -errno. */
int identity_probe(const struct disk *disk, struct extent extent, blkid_probe *ret_probe);

void identity_free_probe(blkid_probe *probe);
