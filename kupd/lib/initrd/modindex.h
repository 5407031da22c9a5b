/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The index files of an initrd's modules (modules.dep.bin and so on), laid out in a temporary
 * folder because libkmod reads nothing else.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODINDEX_MAX (16u * 1024u * 1024u) /* bytes per file; real ones have a tenth of that */

struct modindex;

/**
 * Make an empty folder below $TMPDIR or /tmp that no other user can look into. Reports. Returns
 * -errno. The caller frees it with modindex_free(), which removes the folder.
 */
int modindex_new(struct modindex **ret_index);

void modindex_free(struct modindex *index);
void modindex_freep(struct modindex **index);

/** The folder. */
const char *modindex_path(const struct modindex *index);

/** Is this the base name of a file for the folder? */
bool modindex_wants(const char *file);

/**
 * Start the file @file, which modindex_wants(), replacing an earlier one; what modindex_write()
 * gets from now on goes there. Both report. Return -errno.
 */
int modindex_begin(struct modindex *index, const char *file);
int modindex_write(struct modindex *index, const uint8_t *bytes, size_t size);

/**
 * Check that libkmod can safely walk the files, since it does not check offsets itself. Does not
 * report. Returns -ERR_DAMAGED if one is damaged, -ENOENT if there is no modules.dep.bin; -errno.
 */
int modindex_check(struct modindex *index);
