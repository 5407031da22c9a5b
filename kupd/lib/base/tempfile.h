/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Temporary files that vanish when they are closed.
 */

#include <stddef.h>
#include <stdint.h>

/* What messages call one. */
#define TEMPFILE_NAME "a temporary file"

/** The folder for temporary files: $TMPDIR or /tmp. */
const char *tempfile_folder(void);

/**
 * Open a new unnamed file in $TMPDIR or /tmp for reading and writing: it vanishes when it is
 * closed. Reports. Returns -errno.
 */
int tempfile_open(int *ret_fd);

/** Make a file of @size bytes in memory, one single hole: programs that fsync their output lose no
 * time there. Does not report. Returns -errno. */
int tempfile_in_memory(uint64_t size, int *ret_fd);

/** The same, containing @content; the file position is at its beginning. */
int tempfile_with(const void *content, size_t size, int *ret_fd);

/** The path by which another process of ours can open it: "/proc/PID/fd/N". @ret_path holds 64
 * bytes. */
void tempfile_path(int fd, char ret_path[64]);
