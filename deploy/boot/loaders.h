/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * All boot loaders of a stick for UEFI, which of them were taken from where, and what that means
 * for Secure Boot.
 */

#include "iso/tree.h"
#include "loaderset.h"

#define LOADERS_FIRMWARES 3u /* that are known */

/* Beside the GRUB, which the first one starts as loader.efi. */
enum { PRELOADER, HASHTOOL, PRELOADER_FILES };

struct loaders {
	struct loaderset sets[LOADERS_FIRMWARES];
	size_t count;
	struct efiprogram preloader[PRELOADER_FILES]; /* for the first set; without data: none */
	struct efiprogram kernel;		      /* without its data */
};

/**
 * Choose: for the firmware that the stick's @kernel is for, and for each other that the image has
 * loaders for, the image's own signed ones; else this machine's signed ones; else one made here.
 * @preloader: folder with PreLoader.efi and HashTool.efi of the Linux Foundation, put in front of a
 * GRUB that does without shim; NULL: not. Reports, warnings too.
 * Returns -ERR_REFUSED if there is none for the kernel's own firmware, -errno. The caller frees
 * them with loaders_free().
 */
int loaders_choose(const struct image *image, const struct tree_file *kernel, const char *preloader,
	struct loaders **ret_loaders);

void loaders_free(struct loaders *loaders);
void loaders_freep(struct loaders **loaders);

/** Called for each file of the ESP; a negative errno ends the walk. */
typedef int (*loaders_file)(void *data, const char *path, const void *content, size_t size);

/** Walk over the loaders ("EFI/BOOT/bootx64.efi"). Returns what @found returns; -ENOMEM. */
int loaders_walk(const struct loaders *loaders, loaders_file found, void *data);

/** The folders, beside /boot/grub, in which one of them looks for grub.cfg ("/EFI/debian"): the
 * first @n of them. Returns how many. */
size_t loaders_prefixes(const struct loaders *loaders, const char **ret_prefixes, size_t n);
