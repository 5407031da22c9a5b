/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A GRUB made here by grub-mkimage, with everything that our grub.cfg uses inside.
 */

#include <stdbool.h>
#include <stddef.h>

/** Where GRUB's files of a platform ("i386-pc", "x86_64-efi") are; NULL if they are not installed.
 * The caller frees it. */
char *grubimage_folder(const char *platform);

/**
 * Make one for @platform that finds its files in @prefix. @no_shim: not to insist on shim, although
 * Secure Boot is on. Reports, also what is not installed (-ENOENT). Returns -errno.
 * The caller frees @ret_data.
 */
int grubimage_make(
	const char *platform, const char *prefix, bool no_shim, void **ret_data, size_t *ret_size);
