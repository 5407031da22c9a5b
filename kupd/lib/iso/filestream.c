/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "filestream.h"

#include <stdint.h>
#include <sys/stat.h>

/* After <stdint.h>, which it fails to include. */
#include <libisofs/libisofs.h>

#include "base/file.h"
#include "base/util.h"

struct content {
	int fd;
	off_t size;
	off_t offset; /* of the next byte to be read */
	ino_t number; /* tells it from other streams of this kind */
};

static int stream_open(IsoStream *stream)
{
	((struct content *)stream->data)->offset = 0;
	return 1;
}

static int stream_close(IsoStream *stream)
{
	(void)stream;
	return 1;
}

static off_t stream_size(IsoStream *stream)
{
	return ((struct content *)stream->data)->size;
}

static int stream_read(IsoStream *stream, void *buffer, size_t count)
{
	struct content *content = stream->data;
	size_t size = (size_t)MIN((off_t)count, content->size - content->offset);

	if (size > 0 && file_read(content->fd, buffer, size, (uint64_t)content->offset) < 0)
		return (int)ISO_FILE_READ_ERROR;
	content->offset += (off_t)size;
	return (int)size;
}

static int stream_is_repeatable(IsoStream *stream)
{
	(void)stream;
	return 1;
}

static void stream_id(IsoStream *stream, unsigned int *fs_id, dev_t *dev_id, ino_t *ino_id)
{
	/* 1 to 4 are libisofs's own file systems. */
	*fs_id = 5;
	*dev_id = 0;
	*ino_id = ((struct content *)stream->data)->number;
}

static void stream_free(IsoStream *stream)
{
	free(stream->data);
}

static int stream_update_size(IsoStream *stream)
{
	(void)stream;
	return 1;
}

static IsoStream *stream_input(IsoStream *stream, int flag)
{
	(void)stream;
	(void)flag;
	return NULL;
}

static IsoStreamIface class = {
	.version = 3,
	.type = {'u', 's', 'e', 'r'},
	.open = stream_open,
	.close = stream_close,
	.get_size = stream_size,
	.read = stream_read,
	.is_repeatable = stream_is_repeatable,
	.get_id = stream_id,
	.free = stream_free,
	.update_size = stream_update_size,
	.get_input_stream = stream_input,
};

int filestream_new(int fd, struct iso_stream **ret_stream)
{
	autofree struct content *content = calloc(1, sizeof(*content));
	autofree IsoStream *stream = calloc(1, sizeof(*stream));
	struct stat st;

	if (!content || !stream)
		return -ENOMEM;
	if (fstat(fd, &st) < 0)
		return -errno;
	content->fd = fd;
	content->size = st.st_size;
	content->number = st.st_ino;
	stream->class = &class;
	stream->refcount = 1;
	stream->data = steal_pointer(content);
	*ret_stream = steal_pointer(stream);
	return 0;
}
