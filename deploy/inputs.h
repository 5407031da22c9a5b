/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What all sticks of one call are made of, read and checked once, before any target is touched.
 */

#include "boot/bios.h"
#include "image/image.h"
#include "image/factoryset.h"
#include "boot/loaders.h"
#include "options.h"

struct plan {
	const struct options *options;
	struct image *image;
	struct kernelset set;
	struct loaders *loaders;
	struct bios bios; /* core_size 0: it will not boot by BIOS */
};

/**
 * Open the image and check that a stick made of it as @options say will boot: kernel and initrd
 * whole, with live-boot and the modules of a stick, with cryptsetup for encrypted persistence; find
 * the boot loaders. Reports. Returns -ERR_REFUSED; -EINTR; -errno. Ends with plan_clear().
 */
int plan_make(const struct options *options, bool encrypted, const struct observer *observer,
	struct plan *ret_plan);

void plan_clear(struct plan *plan);

/** Check kernel and initrd as plan_make() does, also for a persistence encrypted like @luks (NULL:
 * in the clear). Reports. Returns as plan_make(). */
int plan_check_set(
	const struct plan *plan, const struct luks *luks, const struct observer *observer);

/** The size in bytes that a target must have; 0 if that depends on what it holds. */
uint64_t plan_needed(const struct plan *plan);
