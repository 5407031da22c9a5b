/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The content of a new file in a tree, read from a file that is open and may have no name: libisofs
 * by itself knows files by their paths only.
 */

struct iso_stream;

/**
 * A stream of the whole regular file @fd, of the size it has now; @fd must stay open as long as the
 * tree lives. Returns -ENOMEM; -errno. The caller frees it with iso_stream_unref().
 */
int filestream_new(int fd, struct iso_stream **ret_stream);
