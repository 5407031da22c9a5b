/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A GRUB made here by grub-mkimage, with everything that our grub.cfg uses inside.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/child.h"

/* One that is being made. */
struct grubimage {
	struct child child; /* grub-mkimage */
	int fd;		    /* what it writes */
};

/** Where GRUB's files of a platform ("i386-pc", "x86_64-efi") are; NULL if they are not installed.
 * The caller frees it. */
char *grubimage_folder(const char *platform);

/** The package that has them, "grub-pc-bin". */
const char *grubimage_package(const char *platform);

/**
 * Begin to make one for @platform that finds its files in @prefix. @no_shim: not to insist on shim,
 * although Secure Boot is on. Returns -ENOENT if GRUB's files are not installed; -errno, which it
 * reports. To be ended with grubimage_finish() or grubimage_stop().
 */
int grubimage_begin(
	const char *platform, const char *prefix, bool no_shim, struct grubimage *ret_image);

/** Wait until it is made. Reports. Returns -errno. The caller frees @ret_data. */
int grubimage_finish(struct grubimage *image, void **ret_data, size_t *ret_size);

/** End the making, if one has begun. */
void grubimage_stop(struct grubimage *image);
