/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A file read from its front through a buffer, with a look ahead: what an unpacker reads from.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INSTREAM_BUFFER (128u * 1024u)

struct instream {
	int fd;
	bool (*interrupted)(void *data); /* may be NULL */
	void *data;
	uint64_t limit;	 /* in the file, bytes: nothing is read from here on */
	uint64_t offset; /* in the file, bytes: of the next byte that instream_peek() gives */
	size_t start;	 /* in the buffer */
	size_t end;
	uint8_t *buffer;
};

/**
 * Begin at the front of @fd, which stays the caller's; @limit bytes of it count. @interrupted (may
 * be NULL) is asked at each read. Returns -ENOMEM. The caller frees it with instream_close().
 */
int instream_open(struct instream *source, int fd, uint64_t limit, bool (*interrupted)(void *data),
	void *data);

/** Free the buffer; a zeroed source is allowed. */
void instream_close(struct instream *source);

/**
 * The next bytes, without taking them: at least @want of them (up to INSTREAM_BUFFER), fewer only
 * at the end. They stay valid until the next call. Returns -EINTR if interrupted; -errno of
 * read(2).
 */
int instream_peek(
	struct instream *source, size_t want, const uint8_t **ret_bytes, size_t *ret_size);

/** Take @size of the bytes that instream_peek() gave last. */
void instream_take(struct instream *source, size_t size);
