/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The compressed formats that the kernel unpacks an initrd from (Linux, lib/decompress.c), by its
 * rules: one stream is one segment, no concatenation. Every checksum that a format has is verified,
 * and the end of a stream is exact to the byte. The kernel itself checks less, and so does
 * libarchive, which ignores gzip's checksum and takes padding after zstd for damage.
 */

#include "instream.h"

struct unpack_format;

/** The format of a stream that starts with these bytes (6 are enough); NULL if none matches. */
const struct unpack_format *unpack_detect(const uint8_t *head, size_t size);

/** "gzip", "zstd"... for messages. */
const char *unpack_name(const struct unpack_format *format);

/** Receives the next unpacked bytes; a negative errno stops the unpacking. */
typedef int (*unpack_sink)(void *data, const uint8_t *bytes, size_t size);

/**
 * Unpack the one stream at the current position of @source, and leave it just after the stream's
 * last byte. Does not report. Returns -ERR_SHORT if the file ends before the stream does,
 * -ERR_DAMAGED if the stream is damaged, -ERR_TOO_LARGE if it needs more than 128 MiB of memory,
 * -ERR_UNSUPPORTED if it uses something the kernel cannot unpack, -ENOMEM; the errors of
 * instream_peek() and @sink.
 */
int unpack(
	const struct unpack_format *format, struct instream *source, unpack_sink sink, void *data);
