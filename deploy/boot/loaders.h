/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * All UEFI boot loaders of a stick, and where each came from.
 */

#include "iso/tree.h"
#include "loaderset.h"

#define LOADERS_FIRMWARES 3u /* known kinds */

/* In addition to the GRUB, which the first one starts as loader.efi. */
enum { PRELOADER, HASHTOOL, PRELOADER_FILES };

struct loaders {
	struct loaderset sets[LOADERS_FIRMWARES];
	size_t count;
	struct efiprogram preloader[PRELOADER_FILES]; /* for the first set; no data: none */
	struct efiprogram kernel;		      /* without its data */
};

/**
 * Choose the loaders for the firmware that the stick's @kernel is for, and for each other firmware
 * the image has loaders for: the image's own signed ones; else this machine's signed ones; else one
 * made here. @preloader: folder with the Linux Foundation's PreLoader.efi and HashTool.efi, to
 * start a GRUB that does without shim; NULL: none. Reports, warnings too. Returns -ERR_REFUSED if
 * there are none for the kernel's own firmware; -errno. The caller frees them with loaders_free().
 */
int loaders_choose(const struct image *image, const struct tree_file *kernel, const char *preloader,
	struct loaders **ret_loaders);

void loaders_free(struct loaders *loaders);
void loaders_freep(struct loaders **loaders);

/** Called for each file of the ESP; a negative errno ends the walk. */
typedef int (*loaders_file)(void *data, const char *path, const void *content, size_t size);

/** Walk over the loaders ("EFI/BOOT/bootx64.efi"). Returns what @found returns; -ENOMEM. */
int loaders_walk(const struct loaders *loaders, loaders_file found, void *data);

/** The folders other than /boot/grub in which one of them looks for grub.cfg ("/EFI/debian"): at
 * most @n. Returns how many. */
size_t loaders_prefixes(const struct loaders *loaders, const char **ret_prefixes, size_t n);
