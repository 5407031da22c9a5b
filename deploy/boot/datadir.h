/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The files that come with the program: the boot menu's template and theme, the hook for initrds;
 * in LIVENG_DATA or in the folder given by the environment variable LIVENG_DEPLOY_DATA.
 */

#include <stddef.h>

/** The path of the file or folder @name there. NULL: no memory. The caller frees it. */
char *datadir_path(const char *name);

/** Read the file @name ("grub.cfg"), with a 0 after its last byte. Reports. Returns -errno. The
 * caller frees it. */
int datadir_read(const char *name, void **ret_data, size_t *ret_size);
