/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The archives that an initrd file is made of: cpio, plain or compressed, one behind the other with
 * zeros in between, unpacked by the kernel's rules.
 */

#include "cpio.h"

struct segments_reader {
	/* Those of struct cpio_reader, for the entries of all archives. */
	int (*entry)(void *data, const struct cpio_entry *entry);
	int (*content)(void *data, const uint8_t *bytes, size_t size);
	void *data;
	/* Asked now and then (may be NULL); true ends the reading with -EINTR. */
	bool (*interrupted)(void *data);
	void *interrupted_data;
};

/**
 * Read the plain file @fd, called @name in messages, to its last byte. A boot configuration at its
 * end is left out, as the kernel does.
 * Reports what is wrong with it. Returns -ERR_REFUSED if it is cut short or no initrd; what the
 * callbacks return; not reported: -EINTR; -errno of read(2).
 */
int segments_read(int fd, const char *name, const struct segments_reader *reader);
