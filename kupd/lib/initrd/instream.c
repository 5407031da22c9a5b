/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "instream.h"

#include <string.h>

#include "base/util.h"

int instream_open(struct instream *source, int fd, uint64_t limit, bool (*interrupted)(void *data),
	void *data)
{
	uint8_t *buffer = malloc(INSTREAM_BUFFER);

	if (!buffer)
		return -ENOMEM;
	*source = (struct instream){.fd = fd,
		.interrupted = interrupted,
		.data = data,
		.limit = limit,
		.buffer = buffer};
	return 0;
}

void instream_close(struct instream *source)
{
	free(source->buffer);
	*source = (struct instream){.fd = -1};
}

int instream_peek(struct instream *source, size_t want, const uint8_t **ret_bytes, size_t *ret_size)
{
	while (source->end - source->start < want) {
		uint64_t left;
		ssize_t n;

		if (source->interrupted && source->interrupted(source->data))
			return -EINTR;
		/* Keep the few bytes that are left; usually there are none. */
		memmove(source->buffer, source->buffer + source->start,
			source->end - source->start);
		source->end -= source->start;
		source->start = 0;
		left = source->limit - MIN(source->limit, source->offset + source->end);
		n = pread(source->fd, source->buffer + source->end,
			(size_t)MIN(left, (uint64_t)(INSTREAM_BUFFER - source->end)),
			(off_t)(source->offset + source->end));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		source->end += (size_t)n;
	}

	*ret_bytes = source->buffer + source->start;
	*ret_size = source->end - source->start;
	return 0;
}

void instream_take(struct instream *source, size_t size)
{
	source->start += size;
	source->offset += size;
}
