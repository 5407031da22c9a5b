/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Files, read and written whole pieces at a time.
 */

#include <stddef.h>
#include <stdint.h>

#include "extent.h"

/** What the block layer says of a failing medium (a bad place, no answer, a broken transfer) is all
 * -EIO: ENODATA is the end of a file, and a medium error must not pass for anything else. The
 * others as they are. @error is an errno, positive. */
int file_error(int error);

/** Read @size bytes at byte @offset, all of them. Returns -ERR_SHORT if the file ends before;
 * file_error() of read(2). */
int file_read(int fd, void *buffer, size_t size, uint64_t offset);

/** Write @size bytes at byte @offset, all of them. Returns file_error() of write(2). */
int file_write(int fd, const void *buffer, size_t size, uint64_t offset);

/**
 * Read the beginning of a text file, up to the first byte @end, which is left out, or to the end of
 * the file: with a newline that is its first line. The caller frees it. Returns -errno.
 */
int file_read_text(const char *path, char end, char **ret_text);

/** Read a whole regular file of at most @max bytes, with a 0 after its last byte, which @ret_size
 * does not count. Returns -EINVAL if it is not a regular file; -ERR_TOO_LARGE; -ERR_SHORT; -errno.
 * The caller frees @ret_data. */
int file_read_whole(const char *path, size_t max, void **ret_data, size_t *ret_size);

/**
 * The next stretch of data (SEEK_DATA) of the file @fd at or after byte @at and before @end; at
 * @end with size 0 if there is none. Returns -errno.
 */
int file_next_data(int fd, uint64_t at, uint64_t end, struct extent *ret_data);

/** The bytes in such stretches, of the @size bytes from byte @from on. Returns -errno. */
int file_data_size(int fd, uint64_t from, uint64_t size, uint64_t *ret_size);
