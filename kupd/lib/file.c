/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "file.h"

#include "util.h"

int file_error(int error)
{
	switch (error) {
	case ENODATA: /* the block layer's words for a bad place, a device that does not answer */
	case EREMOTEIO:
	case ETIMEDOUT:
	case EILSEQ:
	case ENOLINK:
		return -EIO;
	default:
		return -error;
	}
}

int file_read(int fd, void *buffer, size_t size, uint64_t offset)
{
	uint8_t *at = buffer;

	while (size > 0) {
		ssize_t n = pread(fd, at, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return file_error(errno);
		if (n == 0)
			return -ENODATA;
		at += n;
		offset += (size_t)n;
		size -= (size_t)n;
	}
	return 0;
}
