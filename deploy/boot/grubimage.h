/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A GRUB made here by grub-mkimage, containing everything that our grub.cfg uses.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/child.h"

/* A GRUB being made. */
struct grubimage {
	struct child child; /* grub-mkimage */
	int fd;		    /* its output */
};

/** The folder of GRUB's files for a platform ("i386-pc", "x86_64-efi"). The caller frees it.
 * Returns -ENOENT if they are not installed; -ENOMEM. */
int grubimage_folder(const char *platform, char **ret_folder);

/** The package that contains them, "grub-pc-bin". */
const char *grubimage_package(const char *platform);

/**
 * Start making one for @platform that finds its files in @prefix. @no_shim: do not insist on shim
 * even with Secure Boot on. Returns -ENOENT, not reported, if GRUB's files are not installed;
 * -errno, reported. End it with grubimage_finish() or grubimage_stop().
 */
int grubimage_begin(
	const char *platform, const char *prefix, bool no_shim, struct grubimage *ret_image);

/** Wait until it is made. Reports. Returns -errno. The caller frees @ret_data. */
int grubimage_finish(struct grubimage *image, void **ret_data, size_t *ret_size);

/** Stop making it, if that was started. */
void grubimage_stop(struct grubimage *image);
