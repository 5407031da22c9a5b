/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Creating the kernel partition's volume: ISO 9660 in the two-slot layout, with the first kernel
 * set in slot A. The deployer starts with this, and a wiped partition is restored to it.
 */

#include "base/observer.h"
#include "iso/tree.h"

struct format {
	const char *label; /* volume identifier: 1 to 32 printable ASCII characters */
	const char *date; /* 16 digits, YYYYMMDDhhmmsscc: blkid shows them as the UUID; NULL: now */
	const char *release;
	struct tree_file kernel;
	struct tree_file initrd;
	const char *kernel_sum; /* their SHA-256, as from digest_end() */
	const char *initrd_sum;
	bool no_verify; /* do not read the set back */
};

/**
 * Make the volume in @partition (bytes) of @disk, which is open for writing. Existing content is
 * lost: first all places where a file system could be found are wiped, then slot A is written,
 * flushed, read back and compared with the two digests; the volume's head is written last. Until
 * then, and after an error, the partition holds no file system. Notifies @observer of "writing" and
 * "reading". Label, date and room are checked before the first byte is written. Does not report.
 * Returns -EINVAL for an invalid label or date; -ERR_NO_ROOM if the slot is too small; -ERR_VERIFY
 * if different bytes were read back, or a file changed since its digest was computed; -ERR_SOURCE;
 * -EINTR; -errno.
 */
int format_partition(struct disk *disk, struct extent partition, const struct format *format,
	const struct observer *observer);
