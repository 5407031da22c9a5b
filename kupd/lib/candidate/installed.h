/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The kernels of an installed system, below a root folder ("" for this one): by name only, without
 * opening any.
 */

#include <stdbool.h>
#include <sys/stat.h>

#include "kernel/kernel.h"

/** ROOT/boot/vmlinuz-RELEASE, else ROOT/usr/lib/modules/RELEASE/vmlinuz. NULL if there is none. The
 * caller frees it. */
char *installed_kernel(const char *root, const char *release);

/** ROOT/boot/initrd.img-RELEASE, whether or not it exists. NULL: no memory. The caller frees it. */
char *installed_initrd(const char *root, const char *release);

/** Is release @a newer than @b? Compares the upstream version first, then everything after it,
 * numbers as numbers. */
bool installed_is_newer(const char *a, const char *b);

/** The newest release that has a kernel and is older than @before (NULL: no limit). Returns
 * -ENOENT. */
int installed_newest(const char *root, const char *before, char ret_release[KERNEL_RELEASE_MAX]);

/** The sizes and dates of the kernel and initrd of @release. Returns -ENOENT if one is missing. */
int installed_look(
	const char *root, const char *release, struct stat *ret_kernel, struct stat *ret_initrd);
