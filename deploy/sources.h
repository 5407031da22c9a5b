/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The files that a stick is made of.
 */

#include "options.h"
#include "target/target.h"

struct sources {
	const char *paths[5]; /* as they were named; NULL ends them */
};

struct sources sources_of(const struct options *options);

/** See that the image can be read, and did not change places with the first target: without it all
 * that could be said of the targets is of no use. What is in it image_open() tells. Reports.
 * Returns -ERR_REFUSED if it did; -errno. */
int sources_check_image(const struct options *options);

/** See that @target is none of them: a stick made of itself would be neither. Reports. Returns
 * -ERR_REFUSED if it is. */
int sources_check_target(const struct sources *sources, const struct target *target);
