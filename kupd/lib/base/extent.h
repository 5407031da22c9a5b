/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A part of a disk or file, in bytes: a partition, a slot, where a file lies, a stretch of data.
 */

#include <stdint.h>

struct extent {
	uint64_t start;
	uint64_t size;
};
