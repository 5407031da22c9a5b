/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "output.h"

#include <string.h>
#include <xxhash.h>

#include "util.h"

#define PIECE (4u * MIB) /* of one write, and of one digest */

/* Not a cryptographic digest: it has to find a worn stick's errors, not a forger's. */
struct piece {
	struct extent extent;
	XXH128_hash_t hash;
};

struct output {
	struct disk *disk;
	const struct observer *observer;
	uint64_t total;
	uint64_t written;
	uint8_t *buffer; /* PIECE bytes */
	struct piece *pieces;
	size_t n;
	size_t allocated;
};

int output_new(struct disk *disk, uint64_t total, const struct observer *observer,
	struct output **ret_output)
{
	cleanup(output_freep) struct output *output = calloc(1, sizeof(*output));

	if (!output)
		return -ENOMEM;
	output->disk = disk;
	output->observer = observer;
	output->total = total;
	output->buffer = disk_buffer(PIECE);
	if (!output->buffer)
		return -ENOMEM;
	*ret_output = steal_pointer(output);
	return 0;
}

void output_free(struct output *output)
{
	if (!output)
		return;
	free(output->buffer);
	free(output->pieces);
	free(output);
}

void output_freep(struct output **output)
{
	output_free(*output);
}

static int note(struct output *output, struct extent extent, const void *buffer)
{
	if (output->n == output->allocated) {
		size_t more = output->allocated ? 2 * output->allocated : 256;
		void *larger = realloc(output->pieces, more * sizeof(struct piece));

		if (!larger)
			return -ENOMEM;
		output->pieces = larger;
		output->allocated = more;
	}
	output->pieces[output->n++] =
		(struct piece){extent, XXH3_128bits(buffer, (size_t)extent.size)};
	return 0;
}

static int write_piece(struct output *output, uint64_t offset, const void *buffer, size_t size)
{
	int r;

	if (observer_interrupted(output->observer))
		return -EINTR;
	r = note(output, (struct extent){offset, size}, buffer);
	if (r == 0)
		r = disk_write(output->disk, offset, buffer, size);
	if (r < 0)
		return r;
	output->written += size;
	observer_progress(output->observer, "writing", output->written,
		MAX(output->total, output->written + 1));
	return 0;
}

int output_write(struct output *output, uint64_t offset, const void *buffer, size_t size)
{
	const uint8_t *from = buffer;

	while (size > 0) {
		size_t piece = MIN(size, (size_t)PIECE);
		int r = write_piece(output, offset, from, piece);

		if (r < 0)
			return r;
		from += piece;
		offset += piece;
		size -= piece;
	}
	return 0;
}

int output_zero(struct output *output, uint64_t offset, uint64_t size)
{
	memset(output->buffer, 0, (size_t)MIN(size, (uint64_t)PIECE));
	while (size > 0) {
		size_t piece = (size_t)MIN(size, (uint64_t)PIECE);
		int r = write_piece(output, offset, output->buffer, piece);

		if (r < 0)
			return r;
		offset += piece;
		size -= piece;
	}
	return 0;
}

static int read_file(int fd, uint8_t *buffer, size_t size, uint64_t from)
{
	while (size > 0) {
		ssize_t n = pread(fd, buffer, size, (off_t)from);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENODATA;
		buffer += n;
		from += (size_t)n;
		size -= (size_t)n;
	}
	return 0;
}

int output_copy(struct output *output, uint64_t offset, int fd, uint64_t from, uint64_t size)
{
	while (size > 0) {
		size_t piece = (size_t)MIN(size, (uint64_t)PIECE);
		int r;

		r = read_file(fd, output->buffer, piece, from);
		if (r == 0)
			r = write_piece(output, offset, output->buffer, piece);
		if (r < 0)
			return r;
		from += piece;
		offset += piece;
		size -= piece;
	}
	return 0;
}

int output_next_data(int fd, uint64_t at, uint64_t end, struct extent *ret_data)
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

int output_copy_data(struct output *output, uint64_t offset, int fd, uint64_t from, uint64_t size)
{
	const uint64_t end = from + size;
	struct extent data;

	for (uint64_t at = from; at < end; at = data.start + data.size) {
		int r = output_next_data(fd, at, end, &data);

		if (r == 0)
			r = output_copy(
				output, offset + (data.start - from), fd, data.start, data.size);
		if (r < 0)
			return r;
	}
	return 0;
}

int output_data_size(int fd, uint64_t from, uint64_t size, uint64_t *ret_size)
{
	const uint64_t end = from + size;
	uint64_t sum = 0;
	struct extent data;

	for (uint64_t at = from; at < end; at = data.start + data.size) {
		int r = output_next_data(fd, at, end, &data);

		if (r < 0)
			return r;
		sum += data.size;
	}
	*ret_size = sum;
	return 0;
}

int output_flush(struct output *output)
{
	return disk_flush(output->disk);
}

int output_verify(struct output *output, uint64_t *ret_offset)
{
	uint64_t total = 0, done = 0;

	for (size_t i = 0; i < output->n; i++)
		total += output->pieces[i].extent.size;
	for (size_t i = 0; i < output->n; i++) {
		const struct piece *piece = &output->pieces[i];
		size_t size = (size_t)piece->extent.size;
		int r;

		if (observer_interrupted(output->observer))
			return -EINTR;
		r = disk_read_medium(output->disk, piece->extent.start, output->buffer, size);
		if (r < 0)
			return r;
		if (!XXH128_isEqual(XXH3_128bits(output->buffer, size), piece->hash)) {
			*ret_offset = piece->extent.start;
			return -ERR_VERIFY;
		}
		done += size;
		observer_progress(output->observer, "verifying", done, total);
	}
	output_forget(output);
	return 0;
}

void output_forget(struct output *output)
{
	output->n = 0;
}

uint64_t output_written(const struct output *output)
{
	return output->written;
}
