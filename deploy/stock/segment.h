/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A cpio archive (newc; Linux, Documentation/driver-api/early-userspace/buffer-format.rst) that is
 * put together in memory, and appended to an initrd: the kernel unpacks it after what is there.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct segment;

/** An empty one. Returns -ENOMEM. The caller frees it with segment_free(). */
int segment_new(struct segment **ret_segment);

void segment_free(struct segment *segment);
void segment_freep(struct segment **segment);

/**
 * Add a folder, or a file with the content @bytes; @mode has the type and the permissions, owner is
 * root. @path has no leading slash. Returns -ENOMEM; -ERR_TOO_LARGE if it is more than the format
 * can hold.
 */
int segment_add(
	struct segment *segment, const char *path, mode_t mode, const void *bytes, size_t size);

/** Compress @size bytes as gzip(1) does. Returns -ENOMEM; -ERR_TOO_LARGE; -ERR_TOOL. The caller
 * frees @ret_packed. */
int segment_gzip(const void *bytes, size_t size, void **ret_packed, size_t *ret_size);

/** How many bytes it has so far. */
size_t segment_size(const struct segment *segment);

/**
 * End it and append it to the file @fd, after zeros, at a multiple of 4 bytes, compressed in the
 * @format that the kernel calls so ("zstd", "gzip", "xz", "lz4", "lzma", "bzip2"; NULL: not at
 * all). Does not report. Returns -ERR_UNSUPPORTED for another format; -ERR_TOOL if a library fails;
 * -errno of writing.
 */
int segment_append(struct segment *segment, const char *format, int fd);
