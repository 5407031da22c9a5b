/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Files by their descriptors.
 */

#include <stddef.h>
#include <stdint.h>

/** Read @size bytes at byte @offset, all of them. Returns -ENODATA if the file ends before; -EIO
 * for a bad place of the medium; -errno of read(2). */
int file_read(int fd, void *buffer, size_t size, uint64_t offset);
