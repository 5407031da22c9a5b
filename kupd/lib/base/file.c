/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "file.h"

#include <string.h>

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

int file_write(int fd, const void *buffer, size_t size, uint64_t offset)
{
	const uint8_t *at = buffer;

	while (size > 0) {
		ssize_t n = pwrite(fd, at, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return file_error(errno);
		if (n == 0)
			return -EIO;
		at += n;
		offset += (size_t)n;
		size -= (size_t)n;
	}
	return 0;
}

int file_read_text(const char *path, char end, char **ret_text)
{
	cleanup(close_file) FILE *file = fopen(path, "re");
	autofree char *text = NULL;
	size_t room = 0;
	ssize_t n;

	if (!file)
		return -errno;
	n = getdelim(&text, &room, end, file);
	if (n < 0 && ferror(file))
		return -EIO;
	if (n < 0) {
		free(text); /* getdelim() may have got it before it saw the end */
		n = 0;
		text = strdup("");
	}
	if (!text)
		return -ENOMEM;
	if (n > 0 && text[n - 1] == end)
		text[n - 1] = '\0';
	*ret_text = steal_pointer(text);
	return 0;
}
