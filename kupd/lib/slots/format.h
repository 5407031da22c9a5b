/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The kernel partition made anew: an ISO 9660 volume in the two-slot layout, with its first kernel
 * set in slot A. What the deployer starts with, and what a wiped partition is brought back to.
 */

#include "base/observer.h"
#include "iso/tree.h"

struct format {
	const char *label; /* volume identifier: 1 to 32 printable ASCII characters */
	const char *date;  /* 16 digits, YYYYMMDDhhmmsscc: blkid shows them as UUID; NULL: now */
	const char *release;
	struct tree_file kernel;
	struct tree_file initrd;
	const char *kernel_sum; /* their SHA-256, as digest_end() writes it */
	const char *initrd_sum;
	bool no_verify; /* do not read the set back */
};

/**
 * Make the volume in @partition (bytes) of @disk, which is open for writing. Whatever lay there is
 * lost: first the places where file systems are looked for, then slot A is written and flushed,
 * read back and compared with the two digests; the volume's head is written last. Until then, and
 * after an error, the partition holds no file system. Tells @observer "writing" and "reading".
 * Label, date and room are checked before the first byte. Does not report.
 * Returns -EINVAL for a label or date that does not fit; -ERR_NO_ROOM if the slot is too small;
 * -ERR_VERIFY if other bytes were read back, or a file changed since its digest; -ERR_SOURCE;
 * -EINTR; -errno.
 */
int format_partition(struct disk *disk, struct extent partition, const struct format *format,
	const struct observer *observer);
