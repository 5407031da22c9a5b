/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The kernel command line: what the boot menu passed to the running system.
 */

/** Read it, below the root folder @root ("" for this machine). The caller frees it.
 * Returns -errno. */
int cmdline_read(const char *root, char **ret_line);

/** Cut the next word off the line that @cursor points into, and move @cursor past it; NULL at the
 * end. Spaces inside double quotes do not end a word. */
char *cmdline_next(char **cursor);
