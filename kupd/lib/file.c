/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "file.h"

#include "util.h"

int file_read(int fd, void *buffer, size_t size, uint64_t offset)
{
	uint8_t *at = buffer;

	while (size > 0) {
		ssize_t n = pread(fd, at, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		/* The block layer's word for a bad place on the medium; here it is the end. */
		if (n < 0)
			return errno == ENODATA ? -EIO : -errno;
		if (n == 0)
			return -ENODATA;
		at += n;
		offset += (size_t)n;
		size -= (size_t)n;
	}
	return 0;
}
