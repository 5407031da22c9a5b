/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The boot loaders for one kind of UEFI firmware: shim, GRUB and MokManager, or GRUB alone.
 */

#include "efiprogram.h"
#include "image/image.h"

#include <stdint.h>

/* One kind of firmware: 64-bit PCs, PCs with 32-bit UEFI, 64-bit ARM. */
struct firmware {
	const char *suffix;   /* of the loaders' names, "x64" */
	const char *platform; /* as GRUB calls it */
	const char *note;     /* what users should know about it, " (32-bit UEFI only)"; or "" */
	uint16_t machine;     /* PE_MACHINE_... */
};

/* The role of a program; the one that the firmware starts comes first. */
enum loader_role { LOADER_FIRST, LOADER_GRUB, LOADER_MOK, LOADER_ROLES };

enum loader_source {
	LOADER_IMAGE, /* the image's own, signed */
	LOADER_HOST,  /* signed, from this machine's packages */
	LOADER_MADE,  /* GRUB from grub-mkimage, not signed */
};

struct loaderset {
	const struct firmware *firmware;
	enum loader_source source;
	struct efiprogram programs[LOADER_ROLES]; /* named as on the stick; no data: none */
};

/** The GRUB in the set, which may be the first program. */
const struct efiprogram *loaderset_grub(const struct loaderset *set);

/** Does the image have loaders for this firmware, signed or not? */
bool loaderset_is_in_image(const struct image *image, const struct firmware *firmware);

/**
 * Use the image's own loaders, if they are a signed pair and the GRUB looks for grub.cfg on its own
 * partition. Reports what is damaged. Returns -ENOENT if they are not; -errno. Clear it with
 * loaderset_clear(); the same goes for the next two.
 */
int loaderset_from_image(
	const struct image *image, const struct firmware *firmware, struct loaderset *ret_set);

/** Use the signed ones from this machine's packages. Returns -ENOENT if there are none. */
int loaderset_from_host(const struct firmware *firmware, struct loaderset *ret_set);

/** Make one; @no_shim as for grubimage_begin(). Reports. Returns -ENOENT, not reported, if GRUB is
 * not installed.
 */
int loaderset_make(const struct firmware *firmware, bool no_shim, struct loaderset *ret_set);

void loaderset_clear(struct loaderset *set);
