/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The archives that an initrd file is made of: cpio, plain or compressed, one after another with
 * zeros in between, unpacked by the kernel's rules.
 */

#include "cpio.h"

struct segments_reader {
	/* As in struct cpio_reader, for the entries of all archives. */
	int (*entry)(void *data, const struct cpio_entry *entry);
	int (*content)(void *data, const uint8_t *bytes, size_t size);
	/* Called at the start of each segment (may be NULL) with its format ("zstd"); NULL: not
	 * compressed. */
	void (*segment)(void *data, const char *format);
	void *data;
	/* Polled now and then (may be NULL); true stops the reading with -EINTR. */
	bool (*interrupted)(void *data);
	void *interrupted_data;
};

/**
 * Read the regular file @fd, called @name in messages, to its last byte. A boot configuration at
 * its end is skipped, as in the kernel. Reports what is wrong with it. Returns -ERR_REFUSED if it
 * is truncated or not an initrd; whatever the callbacks return; not reported: -EINTR; -errno of
 * read(2).
 */
int segments_read(int fd, const char *name, const struct segments_reader *reader);
