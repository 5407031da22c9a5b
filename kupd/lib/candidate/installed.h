/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The kernels of an installed system, below a root folder ("" for this one): by name only, without
 * opening any.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "kernel/kernel.h"

/** ROOT/boot/vmlinuz-RELEASE, else ROOT/usr/lib/modules/RELEASE/vmlinuz. NULL if there is none. The
 * caller frees it. */
char *installed_kernel(const char *root, const char *release);

/** The configuration it was built with, in the same places: ROOT/boot/config-RELEASE. */
char *installed_config(const char *root, const char *release);

/** ROOT/boot/initrd.img-RELEASE, whether or not it exists. NULL: no memory. The caller frees it. */
char *installed_initrd(const char *root, const char *release);

/** Is release @a newer than @b? Compares the upstream version first, then everything after it,
 * numbers as numbers. */
bool installed_is_newer(const char *a, const char *b);

/** What follows the version in a release: "amd64", "rt-amd64"; all of it if there is none such. */
const char *installed_flavour(const char *release);

/** The newest release that has a kernel and is older than @before (NULL: no limit). Returns
 * -ENOENT. */
int installed_newest(const char *root, const char *before, char ret_release[KERNEL_RELEASE_MAX]);

/** The newest release of the same flavour as @like; if there is none, or @like is NULL, of any.
 * Returns -ENOENT. */
int installed_newest_like(const char *root, const char *like, char ret_release[KERNEL_RELEASE_MAX]);

/** Are the modules of @release there, in ROOT/usr/lib/modules or ROOT/lib/modules? Each kernel
 * package has the list modules.builtin. */
bool installed_has_modules(const char *root, const char *release);

/** The space that @release takes, in bytes: its modules, and its files in ROOT/boot. */
uint64_t installed_size(const char *root, const char *release);

/** The sizes and dates of the kernel and initrd of @release. Returns -ENOENT if one is missing. */
int installed_look(
	const char *root, const char *release, struct stat *ret_kernel, struct stat *ret_initrd);
