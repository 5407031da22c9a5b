/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A file read sequentially through a buffer with lookahead: the input of a decompressor.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INSTREAM_BUFFER (128u * 1024u)

struct instream {
	int fd;
	bool (*interrupted)(void *data); /* may be NULL */
	void *data;
	uint64_t limit;	 /* byte offset in the file: nothing is read from here on */
	uint64_t offset; /* byte offset in the file: the next byte instream_peek() gives */
	size_t start;	 /* in the buffer */
	size_t end;
	uint8_t *buffer;
};

/**
 * Start at the beginning of @fd, which remains the caller's; only its first @limit bytes are read.
 * @interrupted (may be NULL) is polled at each read. Returns -ENOMEM. The caller frees it with
 * instream_close().
 */
int instream_open(struct instream *source, int fd, uint64_t limit, bool (*interrupted)(void *data),
	void *data);

/** Free the buffer; a zeroed source is allowed. */
void instream_close(struct instream *source);

/**
 * The next bytes, without consuming them: at least @want of them (up to INSTREAM_BUFFER), fewer
 * only at the end. They stay valid until the next call. Returns -EINTR if interrupted; -errno of
 * read(2).
 */
int instream_peek(
	struct instream *source, size_t want, const uint8_t **ret_bytes, size_t *ret_size);

/** Consume @size of the bytes that instream_peek() last gave. */
void instream_take(struct instream *source, size_t size);
