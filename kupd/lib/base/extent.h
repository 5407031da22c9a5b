/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A part of a disk or file, in bytes: a partition, a slot, the place of a file, a run of data.
 */

#include <stdint.h>

struct extent {
	uint64_t start;
	uint64_t size;
};
