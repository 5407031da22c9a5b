/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* As messages call one. */
#define TEMPFILE_NAME "a temporary file"

/**
 * Open a new file without a name below $TMPDIR or /tmp, for reading and writing: gone when it is
 * closed. Reports. Returns -errno.
 */
int tempfile_open(int *ret_fd);

/** The same in memory: for what is small. Programs that flush what they made wait for nothing
 * there. */
int tempfile_in_memory(int *ret_fd);

/** The path under which another process of ours finds it: "/proc/PID/fd/N". @ret_path holds 64
 * bytes. */
void tempfile_path(int fd, char ret_path[64]);
