/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The index files of an initrd's modules (modules.dep.bin and kin), laid out in a temporary folder
 * for libkmod, which reads nothing else.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODINDEX_MAX (16u * 1024u * 1024u) /* bytes of a file; real ones have a tenth of that */

struct modindex;

/**
 * Make an empty folder below $TMPDIR or /tmp that nobody else can look into.
 * Reports. Returns -errno. The caller frees it with modindex_free(), which removes the folder.
 */
int modindex_new(struct modindex **ret_index);

void modindex_free(struct modindex *index);
void modindex_freep(struct modindex **index);

/** The folder. */
const char *modindex_path(const struct modindex *index);

/** Is this base name one that the folder may hold? */
bool modindex_wants(const char *file);

/**
 * Begin the file @file, one that modindex_wants(), in the place of an earlier one; what
 * modindex_write() gets from now on goes there. Both report. Return -errno, but never -ENOSPC.
 */
int modindex_begin(struct modindex *index, const char *file);
int modindex_write(struct modindex *index, const uint8_t *bytes, size_t size);

/**
 * Check that libkmod can walk the files: it takes offsets as they come.
 * Does not report. Returns -ERR_DAMAGED if one is damaged, -ENOENT if there is no modules.dep.bin;
 * -errno.
 */
int modindex_check(struct modindex *index);
