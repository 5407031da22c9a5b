/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The kernels of an installed system, below a root folder ("" for this one): by their names only,
 * none is opened.
 */

#include <stdbool.h>
#include <sys/stat.h>

#include "kernel/kernel.h"

/** ROOT/boot/vmlinuz-RELEASE, else ROOT/usr/lib/modules/RELEASE/vmlinuz. NULL if there is none. The
 * caller frees it. */
char *installed_kernel(const char *root, const char *release);

/** ROOT/boot/initrd.img-RELEASE, there or not. NULL: no memory. The caller frees it. */
char *installed_initrd(const char *root, const char *release);

/** Is release @a newer than @b? First by upstream version, then by all that follows, numbers as
 * numbers. */
bool installed_is_newer(const char *a, const char *b);

/** The newest release with a kernel that is older than @before (NULL: than none).
 * Returns -ENOENT. */
int installed_newest(const char *root, const char *before, char ret_release[KERNEL_RELEASE_MAX]);

/** Sizes and dates of the kernel and the initrd of @release. Returns -ENOENT if one is
 * not there. */
int installed_look(
	const char *root, const char *release, struct stat *ret_kernel, struct stat *ret_initrd);
