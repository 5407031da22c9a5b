/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "pieces.h"

#include "base/util.h"

int pieces_reserve(struct output *output, size_t n)
{
	if (output->n + n > output->allocated) {
		size_t more = MAX(2 * output->allocated, output->n + n + 256);
		void *larger = realloc(output->pieces, more * sizeof(struct piece));

		if (!larger)
			return -ENOMEM;
		output->pieces = larger;
		output->allocated = more;
	}
	return 0;
}

int pieces_write(struct output *output, struct piece *piece, const void *buffer)
{
	piece->hash = XXH3_128bits(buffer, (size_t)piece->extent.size);
	return disk_write(output->disk, piece->extent.start, buffer, (size_t)piece->extent.size);
}

void pieces_tell(const struct output *output, const char *phase, uint64_t done, uint64_t total)
{
	if (phase)
		observer_progress(output->observer, phase, done, total);
}

void pieces_tell_written(const struct output *output, uint64_t written)
{
	uint64_t done = written - output->begun;

	pieces_tell(output, output->phases.writing, MIN(done, output->total), output->total);
}

uint64_t pieces_size(const struct piece *pieces, size_t n)
{
	uint64_t size = 0;

	for (size_t i = 0; i < n; i++)
		size += pieces[i].extent.size;
	return size;
}
