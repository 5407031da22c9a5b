/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Copying from a file to the target, in large pieces, two at a time, optionally without holes.
 */

#include "base/file.h"
#include "base/util.h"
#include "output.h"
#include "pieces.h"

struct copy {
	struct output *output;
	struct piece *pieces;
	const struct input *input;
	uint64_t from; /* where the first piece is read from */
};

static int copy_piece(void *data, size_t i, uint8_t *buffer)
{
	const struct copy *copy = data;
	struct piece *piece = &copy->pieces[i];
	uint64_t from = copy->from + (piece->extent.start - copy->pieces[0].extent.start);
	int r;

	r = output_read(copy->output, copy->input, buffer, (size_t)piece->extent.size, from);
	return r < 0 ? r : pieces_write(copy->output, piece, buffer);
}

static int watch_copy(void *data, size_t done)
{
	const struct copy *copy = data;
	const struct output *output = copy->output;

	if (observer_interrupted(output->observer))
		return -EINTR;
	pieces_tell_written(output, output->written + pieces_size(copy->pieces, done));
	return 0;
}

/* Keep whole blocks together and partial blocks separate: file systems and disks stall on a partial
 * one, however long the piece. */
static uint64_t piece_end(uint64_t at, uint64_t end)
{
	if (at % DISK_ALIGN != 0)
		return MIN(ROUND_UP(at, DISK_ALIGN), end);
	if (end - at >= PIECE)
		return at + PIECE;
	return end - at >= DISK_ALIGN ? ROUND_DOWN(end, DISK_ALIGN) : end;
}

int output_copy(struct output *output, uint64_t offset, const struct input *input, uint64_t from,
	uint64_t size)
{
	const uint64_t end = offset + size;
	struct copy copy = {.output = output, .input = input, .from = from};
	size_t n = 0;
	int r;

	r = pieces_reserve(output,
		(size_t)(size / PIECE) + 3); /* the partial blocks, and the last whole ones */
	if (r == 0 && size > PIECE)
		r = disk_allocate(output->disk, offset, size);
	if (r < 0)
		return r;
	copy.pieces = output->pieces + output->n;
	for (uint64_t at = offset, next; at < end; at = next) {
		next = piece_end(at, end);
		copy.pieces[n++] = (struct piece){.extent = {at, next - at}};
	}
	r = threads_run(n, copy_piece, watch_copy, &copy, output->buffer);
	if (r < 0)
		return r;
	output->n += n;
	output->written += size;
	pieces_tell_written(output, output->written);
	return 0;
}

int output_copy_data(struct output *output, uint64_t offset, const struct input *input,
	uint64_t from, uint64_t size)
{
	const uint64_t end = from + size;
	struct extent data = {0};

	for (uint64_t at = from; at < end; at = data.start + data.size) {
		int r = file_next_data(input->fd, at, end, &data);

		if (r < 0)
			output_set_unread(output, input->name);
		else
			r = output_copy(
				output, offset + (data.start - from), input, data.start, data.size);
		if (r < 0)
			return r;
	}
	return 0;
}
