/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * For unit tests: growing byte buffers, cpio archives and kmod's index files, written by code other
 * than that which reads them.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
	uint8_t *data;
	size_t size;
};

static inline void bytes_clear(struct bytes *bytes)
{
	free(bytes->data);
	*bytes = (struct bytes){0};
}

static inline void append(struct bytes *bytes, const void *data, size_t size)
{
	bytes->data = realloc(bytes->data, bytes->size + size + 1);
	if (!bytes->data)
		abort();
	if (data)
		memcpy(bytes->data + bytes->size, data, size);
	else
		memset(bytes->data + bytes->size, 0, size);
	bytes->size += size;
}

static inline void append_bytes(struct bytes *bytes, const struct bytes *more)
{
	append(bytes, more->data, more->size);
}

static inline void align_to(struct bytes *bytes, size_t unit)
{
	append(bytes, NULL, (unit - bytes->size % unit) % unit);
}

/* An entry of a cpio archive that starts at a multiple of 4. */
static inline void cpio_add(struct bytes *archive, const char *path, unsigned int mode,
	const void *content, size_t size)
{
	char header[128];

	snprintf(header, sizeof(header),
		"070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X", 1u, mode, 0u, 0u,
		1u, 0u, size, 0u, 0u, 0u, 0u, strlen(path) + 1, 0u);
	append(archive, header, 110);
	append(archive, path, strlen(path) + 1);
	align_to(archive, 4);
	append(archive, content, size);
	align_to(archive, 4);
}

static inline void cpio_add_file(struct bytes *archive, const char *path, const char *content)
{
	cpio_add(archive, path, 0100644, content, strlen(content));
}

static inline void cpio_add_folder(struct bytes *archive, const char *path)
{
	cpio_add(archive, path, 040755, NULL, 0);
}

static inline void cpio_end(struct bytes *archive)
{
	cpio_add(archive, "TRAILER!!!", 0, NULL, 0);
}

static inline void append_u32(struct bytes *bytes, uint32_t value)
{
	uint8_t text[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
		(uint8_t)value};

	append(bytes, text, 4);
}

struct index_line {
	const char *key;
	const char *value;
};

/* A node for the @count lines, sorted, that have the first @depth characters of their key in
 * common. Returns the reference to it. */
static inline uint32_t index_add_node(
	struct bytes *index, const struct index_line *lines, size_t count, size_t depth)
{
	uint32_t children[128] = {0}, flags = 0, start;
	unsigned int first = 128, last = 0;
	size_t values = 0;

	while (values < count && lines[values].key[depth] == '\0')
		values++;
	for (size_t i = values; i < count;) {
		unsigned int c = (unsigned char)lines[i].key[depth];
		size_t n = 1;

		while (i + n < count && (unsigned char)lines[i + n].key[depth] == c)
			n++;
		children[c] = index_add_node(index, lines + i, n, depth + 1);
		first = c < first ? c : first;
		last = c;
		i += n;
	}

	start = (uint32_t)index->size;
	if (first < 128) {
		uint8_t range[2] = {(uint8_t)first, (uint8_t)last};

		flags |= 0x20000000u;
		append(index, range, 2);
		for (unsigned int c = first; c <= last; c++)
			append_u32(index, children[c]);
	}
	if (values > 0) {
		flags |= 0x40000000u;
		append_u32(index, (uint32_t)values);
		for (size_t i = 0; i < values; i++) {
			append_u32(index, (uint32_t)i);
			append(index, lines[i].value, strlen(lines[i].value) + 1);
		}
	}
	return start | flags;
}

/* An index file like depmod's; the lines must be sorted by key. */
static inline void index_make(struct bytes *index, const struct index_line *lines, size_t count)
{
	uint32_t root;

	append_u32(index, 0xb007f457u);
	append_u32(index, 0x00020001u);
	append_u32(index, 0);
	root = index_add_node(index, lines, count, 0);
	for (unsigned int i = 0; i < 4; i++)
		index->data[8 + i] = (uint8_t)(root >> (24 - 8 * i));
}
