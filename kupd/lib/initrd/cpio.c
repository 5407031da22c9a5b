/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "cpio.h"

#include <assert.h>
#include <string.h>

#include "base/util.h"

#define TRAILER "TRAILER!!!"

/* The header: the magic of 6 digits, then these fields of 8 hexadecimal digits each. */
enum field {
	FIELD_INODE,
	FIELD_MODE,
	FIELD_UID,
	FIELD_GID,
	FIELD_LINKS,
	FIELD_MTIME,
	FIELD_SIZE,
	FIELD_DEVICE_MAJOR,
	FIELD_DEVICE_MINOR,
	FIELD_SPECIAL_MAJOR,
	FIELD_SPECIAL_MINOR,
	FIELD_NAME_SIZE,
	FIELD_CHECKSUM,
	FIELD_COUNT,
};
static_assert(6 + 8 * FIELD_COUNT == CPIO_HEADER, "buffer-format.rst: cpio header");

static bool get_fields(const char *header, uint32_t ret_fields[FIELD_COUNT])
{
	for (unsigned int i = 0; i < 8 * FIELD_COUNT; i++) {
		char c = header[6 + i];
		unsigned int digit;

		if (c >= '0' && c <= '9')
			digit = (unsigned int)(c - '0');
		else if (c >= 'a' && c <= 'f')
			digit = (unsigned int)(c - 'a') + 10;
		else if (c >= 'A' && c <= 'F')
			digit = (unsigned int)(c - 'A') + 10;
		else
			return false;
		ret_fields[i / 8] = ret_fields[i / 8] << 4 | digit;
	}
	return true;
}

/* The number of bytes to the next multiple of 4, where headers and contents start. */
static uint32_t padding(uint64_t offset)
{
	return (uint32_t)(-offset & 3u);
}

static int parse_header(struct cpio_reader *reader)
{
	uint32_t fields[FIELD_COUNT] = {0};

	/* 070702 has a checksum, which the kernel ignores. */
	if (memcmp(reader->text, "070701", 6) != 0 && memcmp(reader->text, "070702", 6) != 0)
		return -ERR_DAMAGED;
	if (!get_fields(reader->text, fields) || fields[FIELD_NAME_SIZE] == 0 ||
		fields[FIELD_NAME_SIZE] > CPIO_NAME_MAX)
		return -ERR_DAMAGED;

	reader->current = (struct cpio_entry){.mode = fields[FIELD_MODE],
		.links = fields[FIELD_LINKS],
		.size = fields[FIELD_SIZE]};
	reader->name_size = fields[FIELD_NAME_SIZE];
	reader->have = 0;
	reader->state = CPIO_IN_NAME;
	return 0;
}

static int parse_name(struct cpio_reader *reader)
{
	int r = 0;

	if (reader->text[reader->name_size - 1] != '\0')
		return -ERR_DAMAGED;
	reader->current.path = reader->text;
	reader->is_trailer = strcmp(reader->text, TRAILER) == 0;
	if (!reader->is_trailer)
		r = reader->entry(reader->data, &reader->current);
	if (r < 0)
		return r;
	reader->wanted = r > 0;
	reader->left = reader->current.size;
	reader->skip = padding(reader->offset);
	reader->state = CPIO_IN_CONTENT;
	return 0;
}

/* Collect the header or name. Returns how many bytes of @bytes it takes. */
static size_t collect(
	struct cpio_reader *reader, uint32_t wanted, const uint8_t *bytes, size_t size)
{
	size_t n = MIN(size, (size_t)(wanted - reader->have));

	memcpy(reader->text + reader->have, bytes, n);
	reader->have += (uint32_t)n;
	reader->offset += n;
	return n;
}

/* Consume content, and go on to the next header at its end. */
static int take_content(
	struct cpio_reader *reader, const uint8_t *bytes, size_t size, size_t *ret_n)
{
	size_t n = (size_t)MIN(reader->left, (uint64_t)size);

	if (n > 0 && reader->wanted) {
		int r = reader->content(reader->data, bytes, n);

		if (r < 0)
			return r;
	}
	reader->left -= n;
	reader->offset += n;
	*ret_n = n;
	if (reader->left > 0)
		return 0;
	reader->skip = padding(reader->offset);
	reader->have = 0;
	reader->state = reader->is_trailer ? CPIO_BETWEEN : CPIO_IN_HEADER;
	reader->archives += reader->is_trailer;
	return 0;
}

int cpio_feed(struct cpio_reader *reader, const uint8_t *bytes, size_t size, size_t *ret_used)
{
	size_t at = 0;
	int r = 0;

	while (r == 0) {
		size_t n = MIN(size - at, (size_t)reader->skip);

		at += n;
		reader->offset += n;
		reader->skip -= (uint32_t)n;
		/* An entry without content ends right after its name, before any byte that
		 * follows. */
		if (reader->state == CPIO_IN_CONTENT && reader->skip == 0 && reader->left == 0) {
			r = take_content(reader, bytes, 0, &n);
			continue;
		}
		if (at == size)
			break;

		switch (reader->state) {
		case CPIO_BETWEEN:
			if (bytes[at] == '0' && padding(reader->offset) == 0) {
				reader->have = 0;
				reader->state = CPIO_IN_HEADER;
				continue;
			}
			if (bytes[at] != 0) {
				*ret_used = at;
				return 0;
			}
			for (n = 0; at + n < size && bytes[at + n] == 0; n++)
				;
			at += n;
			reader->offset += n;
			break;
		case CPIO_IN_HEADER:
			at += collect(reader, CPIO_HEADER, bytes + at, size - at);
			if (reader->have == CPIO_HEADER)
				r = parse_header(reader);
			break;
		case CPIO_IN_NAME:
			at += collect(reader, reader->name_size, bytes + at, size - at);
			if (reader->have == reader->name_size)
				r = parse_name(reader);
			break;
		case CPIO_IN_CONTENT:
			r = take_content(reader, bytes + at, size - at, &n);
			at += n;
			break;
		}
	}
	if (r < 0)
		return r;
	*ret_used = at;
	return 0;
}

bool cpio_is_whole(const struct cpio_reader *reader)
{
	return reader->state == CPIO_BETWEEN && reader->archives > 0;
}
