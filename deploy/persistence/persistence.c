/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "persistence.h"

#include "base/file.h"
#include "base/log.h"
#include "base/tempfile.h"
#include "base/util.h"
#include "container.h"
#include "ext4.h"

#define PIECE MIB

struct persistence {
	struct container *container; /* NULL: not encrypted */
	int fd;			     /* the ext4 */
	uint64_t size;		     /* of the ext4 */
	uint64_t bytes;
};

int persistence_build(
	uint64_t size, const struct passphrase *passphrase, struct persistence **ret_persistence)
{
	cleanup(persistence_freep) struct persistence *persistence =
		calloc(1, sizeof(*persistence));
	uint64_t header = 0;
	int r;

	if (!persistence)
		return -ENOMEM;
	persistence->fd = -1;
	if (size % EXT4_BLOCK != 0) /* cryptsetup would not open it */
		return -EINVAL;
	if (passphrase) {
		r = container_new(size, passphrase, &persistence->container);
		if (r < 0)
			return r;
		header = container_data(persistence->container);
	}
	persistence->size = size - header;
	r = ext4_build(persistence->size, &persistence->fd);
	if (r < 0)
		return r;
	r = file_data_size(persistence->fd, 0, persistence->size, &persistence->bytes);
	if (r < 0)
		return report(r, "cannot make the persistence");
	persistence->bytes += header;
	*ret_persistence = steal_pointer(persistence);
	return 0;
}

void persistence_free(struct persistence *persistence)
{
	if (!persistence)
		return;
	container_free(persistence->container);
	close_fd(&persistence->fd);
	free(persistence);
}

void persistence_freep(struct persistence **persistence)
{
	persistence_free(*persistence);
}

uint64_t persistence_bytes(const struct persistence *persistence)
{
	return persistence->bytes;
}

/* Encrypt and write one run of the ext4's data. @offset: where the container's data begins on the
 * target. */
static int write_encrypted(const struct persistence *persistence, struct output *output,
	uint64_t offset, struct extent data, uint8_t *buffer)
{
	const struct input input = {persistence->fd, TEMPFILE_NAME};

	while (data.size > 0) {
		size_t piece = (size_t)MIN(data.size, (uint64_t)PIECE);
		int r;

		r = output_read(output, &input, buffer, piece, data.start);
		if (r == 0)
			r = container_encrypt(persistence->container, data.start, buffer, piece);
		if (r == 0)
			r = output_write(output, offset + data.start, buffer, piece);
		if (r < 0)
			return r;
		data.start += piece;
		data.size -= piece;
	}
	return 0;
}

static int write_container(
	const struct persistence *persistence, struct output *output, uint64_t offset)
{
	const struct container *container = persistence->container;
	const struct input header = {container_fd(container), TEMPFILE_NAME};
	autofree uint8_t *buffer = disk_buffer(PIECE);
	struct extent data;
	int r;

	if (!buffer)
		return -ENOMEM;
	r = output_copy(output, offset, &header, 0, container_data(container));
	offset += container_data(container);
	for (uint64_t at = 0; r == 0 && at < persistence->size; at = data.start + data.size) {
		r = file_next_data(persistence->fd, at, persistence->size, &data);
		if (r < 0)
			output_set_unread(output, TEMPFILE_NAME);
		else
			r = write_encrypted(persistence, output, offset, data, buffer);
	}
	return r;
}

int persistence_write(const struct persistence *persistence, struct output *output, uint64_t offset)
{
	const struct input input = {persistence->fd, TEMPFILE_NAME};

	if (persistence->container)
		return write_container(persistence, output, offset);
	return output_copy_data(output, offset, &input, 0, persistence->size);
}
