/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The tests' own small ISO 9660 reader, so that the programs are not judged by the library they
 * write with. Works on a file system in memory; trusts nothing in it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ISO_BLOCK 2048u
#define ISO_PVD	  32768u /* bytes from the start of the file system */

struct iso {
	const uint8_t *data;
	uint64_t size; /* bytes */
};

/* A file's or directory's content, in bytes from the start of the file system. */
struct iso_extent {
	uint64_t start;
	uint64_t size;
};

/**
 * Look through the volume descriptors (ECMA-119 8.1) up to the terminator. Gives the byte offset of
 * the Joliet one, 0 if there is none. Returns NULL, or what is wrong with them.
 */
const char *iso_descriptors(const struct iso *iso, uint64_t *ret_joliet);

/**
 * Find `live/NAME` in the tree of the volume descriptor at byte @descriptor. Names are those of
 * Rock Ridge, without it those of ISO 9660 in lower case and without version; with @joliet UCS-2
 * ones. Returns NULL, or what is wrong; a file that does not exist has @ret_file->start 0.
 */
const char *iso_find(const struct iso *iso, uint64_t descriptor, bool joliet, const char *name,
	struct iso_extent *ret_file);
