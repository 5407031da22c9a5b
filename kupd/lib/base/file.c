/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "util.h"

int file_error(int error)
{
	switch (error) {
	case ENODATA: /* the block layer's values for a bad sector or a device that does not answer
		       */
	case EREMOTEIO:
	case ETIMEDOUT:
	case EILSEQ:
	case ENOLINK:
	case EUCLEAN: /* and a file system's: of its own damage */
	case EBADMSG:
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
			return -ERR_SHORT;
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
	if (n < 0 && !feof(file))
		return -errno;
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

int file_read_all(int fd, size_t max, void **ret_data, size_t *ret_size)
{
	autofree char *data = NULL;
	struct stat status;
	size_t size;
	int r;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	if ((uint64_t)status.st_size > max)
		return -ERR_TOO_LARGE;
	size = (size_t)status.st_size;
	data = malloc(size + 1);
	if (!data)
		return -ENOMEM;
	r = file_read(fd, data, size, 0);
	if (r < 0)
		return r;
	data[size] = '\0';
	*ret_data = steal_pointer(data);
	*ret_size = size;
	return 0;
}

int file_read_whole(const char *path, size_t max, void **ret_data, size_t *ret_size)
{
	autoclose int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? -errno : file_read_all(fd, max, ret_data, ret_size);
}

int file_next_data(int fd, uint64_t at, uint64_t end, struct extent *ret_data)
{
	off_t start = lseek(fd, (off_t)at, SEEK_DATA);
	off_t hole;

	if (start < 0 && errno != ENXIO)
		return -errno;
	if (start < 0 || (uint64_t)start >= end) {
		*ret_data = (struct extent){end, 0};
		return 0;
	}
	hole = lseek(fd, start, SEEK_HOLE);
	if (hole < 0)
		return -errno;
	*ret_data = (struct extent){(uint64_t)start, MIN((uint64_t)hole, end) - (uint64_t)start};
	return 0;
}

int file_data_size(int fd, uint64_t from, uint64_t size, uint64_t *ret_size)
{
	const uint64_t end = from + size;
	uint64_t sum = 0;
	struct extent data = {0};

	for (uint64_t at = from; at < end; at = data.start + data.size) {
		int r = file_next_data(fd, at, end, &data);

		if (r < 0)
			return r;
		sum += data.size;
	}
	*ret_size = sum;
	return 0;
}
