/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What all sticks of one run are made from: the files, read and checked once, before any target is
 * touched.
 */

#include "boot/bios.h"
#include "boot/loaders.h"
#include "image/factoryset.h"
#include "image/image.h"
#include "image/system.h"
#include "options.h"
#include "settings.h"
#include "stock/addition.h"
#include "target/target.h"

#define INPUT_PATHS_MAX 6u

struct input_paths {
	const char *paths[INPUT_PATHS_MAX]; /* as the user named them; NULL-terminated */
};

struct inputs {
	const struct deploy_options *options;
	struct image *image;
	struct factoryset set;
	struct loaders *loaders;
	struct bios bios; /* core_size 0: it will not boot with BIOS */
	struct settings settings;
	struct addition_result added; /* for a stock image */
};

/** The files, and the folder of packages, named in the options. */
struct input_paths inputs_paths(const struct deploy_options *options);

/** Check that the image can be read, and was not swapped with the first target on the command line:
 * otherwise messages about the targets would be useless. inputs_open() checks its content. Reports.
 * Returns -ERR_REFUSED if they were swapped; -errno. */
int inputs_check_order(const struct deploy_options *options);

/** Check that @target is not one of the inputs: a stick cannot be made from itself. Reports.
 * Returns -ERR_REFUSED if it is. */
int inputs_check_target(const struct deploy_options *options, const struct target *target);

/**
 * Open the image and check that a stick made from it according to @options will boot: kernel and
 * initrd whole, with live-boot and the modules a stick needs, with cryptsetup for encrypted
 * persistence; find the boot loaders. @opens: a persistence that is kept is encrypted. Reports.
 * Returns -ERR_REFUSED; -EINTR; -errno. Free with inputs_close().
 */
int inputs_open(const struct deploy_options *options, bool opens, const struct observer *observer,
	struct inputs *ret_inputs);

/** The packages as files for partition 1. */
struct system_files inputs_packages(const struct inputs *inputs);

void inputs_close(struct inputs *inputs);

/** Check kernel and initrd as inputs_open() does, also for a persistence encrypted as in @luks
 * (NULL: unencrypted). Reports. Returns as inputs_open(). */
int inputs_check_set(
	const struct inputs *inputs, const struct luks *luks, const struct observer *observer);

/** The size in bytes that a target must have; 0 if that depends on its content. */
uint64_t inputs_needed(const struct inputs *inputs);
