/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What all sticks of one call are made of: the files, read and checked once, before any target is
 * touched.
 */

#include "boot/bios.h"
#include "boot/loaders.h"
#include "image/factoryset.h"
#include "image/image.h"
#include "options.h"
#include "target/target.h"

#define INPUT_PATHS_MAX 5u

struct input_paths {
	const char *paths[INPUT_PATHS_MAX]; /* as they were named; NULL ends them */
};

struct inputs {
	const struct deploy_options *options;
	struct image *image;
	struct factoryset set;
	struct loaders *loaders;
	struct bios bios; /* core_size 0: it will not boot by BIOS */
};

/** The files that the options name. */
struct input_paths inputs_paths(const struct deploy_options *options);

/** See that the image can be read, and did not change places with the first target: without it all
 * that could be said of the targets is of no use. inputs_open() tells what is in it. Reports.
 * Returns -ERR_REFUSED if it did; -errno. */
int inputs_check_order(const struct deploy_options *options);

/** See that @target is none of the inputs: a stick cannot be made of itself. Reports. Returns
 * -ERR_REFUSED if it is. */
int inputs_check_target(const struct deploy_options *options, const struct target *target);

/**
 * Open the image and check that a stick made of it as @options say will boot: kernel and initrd
 * whole, with live-boot and the modules of a stick, with cryptsetup for encrypted persistence; find
 * the boot loaders. Reports. Returns -ERR_REFUSED; -EINTR; -errno. Ends with inputs_close().
 */
int inputs_open(const struct deploy_options *options, bool encrypted,
	const struct observer *observer, struct inputs *ret_inputs);

void inputs_close(struct inputs *inputs);

/** Check kernel and initrd as inputs_open() does, also for a persistence encrypted like @luks
 * (NULL: in the clear). Reports. Returns as inputs_open(). */
int inputs_check_set(
	const struct inputs *inputs, const struct luks *luks, const struct observer *observer);

/** The size in bytes that a target must have; 0 if that depends on what it holds. */
uint64_t inputs_needed(const struct inputs *inputs);
