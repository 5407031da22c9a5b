/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Files that are gone when they are closed.
 */

#include <stddef.h>
#include <stdint.h>

/* As messages call one. */
#define TEMPFILE_NAME "a temporary file"

/**
 * Open a new file without a name below $TMPDIR or /tmp, for reading and writing: gone when it is
 * closed. Reports. Returns -errno.
 */
int tempfile_open(int *ret_fd);

/** Make a file of @size bytes, all of them a hole, in memory: programs that flush what they made
 * wait for nothing there. Does not report. Returns -errno. */
int tempfile_in_memory(uint64_t size, int *ret_fd);

/** The same with @content in it; it stands at its beginning. */
int tempfile_with(const void *content, size_t size, int *ret_fd);

/** The path under which another process of ours finds it: "/proc/PID/fd/N". @ret_path holds 64
 * bytes. */
void tempfile_path(int fd, char ret_path[64]);
