/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "output.h"

#include <string.h>

#include "base/file.h"
#include "base/util.h"
#include "pieces.h"

int output_new(struct disk *disk, const struct observer *observer, struct output **ret_output)
{
	cleanup(output_freep) struct output *output = calloc(1, sizeof(*output));

	if (!output)
		return -ENOMEM;
	output->disk = disk;
	output->observer = observer;
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

void output_begin(struct output *output, struct phase_names phases, uint64_t total)
{
	output->phases = phases;
	output->total = total;
	output->begun = output->written;
}

static int write_piece(struct output *output, uint64_t offset, const void *buffer, size_t size)
{
	int r;

	if (observer_interrupted(output->observer))
		return -EINTR;
	r = pieces_reserve(output, 1);
	if (r < 0)
		return r;
	output->pieces[output->n] = (struct piece){.extent = {offset, size}};
	r = pieces_write(output, &output->pieces[output->n++], buffer);
	if (r < 0)
		return r;
	output->written += size;
	pieces_tell_written(output, output->written);
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

/* From @at on: the end of what was written there, or else the beginning of the next written
 * piece. */
static uint64_t next_change(const struct output *output, uint64_t at, bool *ret_is_written)
{
	uint64_t next = UINT64_MAX;

	*ret_is_written = false;
	for (size_t i = 0; i < output->n; i++) {
		const struct extent piece = output->pieces[i].extent;

		if (piece.start <= at && at < piece.start + piece.size) {
			*ret_is_written = true;
			return piece.start + piece.size;
		}
		if (piece.start > at)
			next = MIN(next, piece.start);
	}
	return next;
}

int output_zero_rest(struct output *output, struct extent extent)
{
	const uint64_t end = extent.start + extent.size;
	int r = 0;

	for (uint64_t at = extent.start, next; r == 0 && at < end; at = next) {
		bool is_written;

		next = MIN(next_change(output, at, &is_written), end);
		if (!is_written)
			r = output_zero(output, at, next - at);
	}
	return r;
}

void output_set_unread(struct output *output, const char *name)
{
	__atomic_store_n(&output->unread, name, __ATOMIC_RELAXED);
}

const char *output_unread(const struct output *output)
{
	return output->unread;
}

int output_read(
	struct output *output, const struct input *input, void *buffer, size_t size, uint64_t from)
{
	int r;

	r = file_read(input->fd, buffer, size, from);
	if (r < 0)
		output_set_unread(output, input->name);
	return r;
}

int output_flush(struct output *output)
{
	return disk_flush(output->disk);
}

struct verify {
	struct output *output;
	uint64_t total; /* bytes */
	uint64_t wrong; /* where the first piece that differs begins */
};

static int verify_piece(void *data, size_t i, uint8_t *buffer)
{
	struct verify *verify = data;
	const struct piece *piece = &verify->output->pieces[i];
	size_t size = (size_t)piece->extent.size;
	int r;

	r = disk_read_medium(verify->output->disk, piece->extent.start, buffer, size);
	if (r < 0)
		return r;
	if (XXH128_isEqual(XXH3_128bits(buffer, size), piece->hash))
		return 0;
	__atomic_store_n(&verify->wrong, piece->extent.start, __ATOMIC_RELAXED);
	return -ERR_VERIFY;
}

static int watch_verify(void *data, size_t done)
{
	const struct verify *verify = data;
	const struct output *output = verify->output;

	if (observer_interrupted(output->observer))
		return -EINTR;
	pieces_tell(
		output, output->phases.verifying, pieces_size(output->pieces, done), verify->total);
	return 0;
}

int output_verify(struct output *output, uint64_t *ret_offset)
{
	struct verify verify = {output, pieces_size(output->pieces, output->n), 0};
	int r;

	r = threads_run(output->n, verify_piece, watch_verify, &verify, output->buffer);
	if (r == -ERR_VERIFY)
		*ret_offset = verify.wrong;
	if (r < 0)
		return r;
	pieces_tell(output, output->phases.verifying, verify.total, verify.total);
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
