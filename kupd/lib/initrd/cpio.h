/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A reader of cpio archives in the `newc` format (Linux, Documentation/driver-api/early-userspace/
 * buffer-format.rst) fed piece by piece, as the pieces come out of a decompressor.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPIO_HEADER   110u
#define CPIO_NAME_MAX 4096u /* PATH_MAX, including the final 0 */

struct cpio_entry {
	const char *path; /* as in the archive; valid for the call */
	uint32_t mode;
	uint32_t links;
	uint64_t size; /* of the content, bytes */
};

struct cpio_reader {
	/* Called for each entry except the trailer. 1: the content is wanted, 0: it is not; a
	 * negative errno stops the reading. */
	int (*entry)(void *data, const struct cpio_entry *entry);
	/* Called with each piece of wanted content. */
	int (*content)(void *data, const uint8_t *bytes, size_t size);
	void *data;

	/* Private to the reader; all 0 at the start. */
	enum { CPIO_BETWEEN, CPIO_IN_HEADER, CPIO_IN_NAME, CPIO_IN_CONTENT } state;
	uint32_t archives; /* complete ones */
	bool wanted;
	bool is_trailer;
	uint32_t skip; /* padding still to come */
	uint32_t name_size;
	uint32_t have;	 /* bytes of the header or name collected so far */
	uint64_t left;	 /* bytes of the content still to come */
	uint64_t offset; /* of the next byte, counted from the first one fed */
	struct cpio_entry current;
	char text[CPIO_NAME_MAX]; /* the header, then the name */
};

/**
 * Read the next @size bytes. Archives may follow one another, with zeros in between; reading stops
 * (with @ret_used < @size) at the first byte after an archive that does not start another. Does not
 * report. Returns -ERR_DAMAGED if it is not a cpio archive, or damaged at the byte reader->offset;
 * whatever the callbacks return.
 */
int cpio_feed(struct cpio_reader *reader, const uint8_t *bytes, size_t size, size_t *ret_used);

/** Do the bytes so far form one or more archives, each with its trailer? */
bool cpio_is_whole(const struct cpio_reader *reader);
