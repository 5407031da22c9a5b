/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Reading and writing files without short reads and writes.
 */

#include <stddef.h>
#include <stdint.h>

#include "extent.h"

/** Map every errno by which the block layer reports a failing medium (a bad sector, no answer, a
 * broken transfer), or a file system its own damage, to -EIO: so callers know one number for it.
 * Other values are only negated. @error is an errno, positive. */
int file_error(int error);

/** Read @size bytes at byte @offset, all of them. Returns -ERR_SHORT if the file ends before;
 * file_error() of read(2). */
int file_read(int fd, void *buffer, size_t size, uint64_t offset);

/** Write @size bytes at byte @offset, all of them. Returns file_error() of write(2). */
int file_write(int fd, const void *buffer, size_t size, uint64_t offset);

/**
 * Read the beginning of a text file, up to but not including the first byte @end, or to the end of
 * the file: with a newline this gives the first line. The caller frees it. Returns -errno.
 */
int file_read_text(const char *path, char end, char **ret_text);

/** Read a whole regular file of at most @max bytes, and add a 0 after its last byte, not counted in
 * @ret_size. Returns -EINVAL if it is not a regular file; -ERR_TOO_LARGE; -ERR_SHORT; -errno. The
 * caller frees @ret_data. */
int file_read_whole(const char *path, size_t max, void **ret_data, size_t *ret_size);

/** The same for the file that is open as @fd. */
int file_read_all(int fd, size_t max, void **ret_data, size_t *ret_size);

/**
 * The next run of data (SEEK_DATA) of the file @fd at or after byte @at and before @end; at @end
 * with size 0 if there is none. Returns -errno.
 */
int file_next_data(int fd, uint64_t at, uint64_t end, struct extent *ret_data);

/** How many of the @size bytes from byte @from on are data in this sense. Returns -errno. */
int file_data_size(int fd, uint64_t from, uint64_t size, uint64_t *ret_size);
