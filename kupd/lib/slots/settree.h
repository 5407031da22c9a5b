/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The tree of a kernel partition: a kernel set in /live, and the one before it under names that end
 * with `.old`.
 */

#include "iso/tree.h"

struct settree {
	struct tree_file kernel; /* the new set's files */
	struct tree_file initrd;
	const char *release; /* text of live/release */
	const char *sums;    /* text of live/SHA256SUMS */
	bool keep_current;   /* the tree's present set becomes the `.old` one */
	/* Texts for the `.old` set of a tree that has none of its own; NULL: keep the tree's. */
	const char *old_release;
	const char *old_sums;
};

/** Turn @volume's tree, in memory, into one with @content. Does not report. Returns -ERR_DAMAGED if
 * /live is a file; -errno. */
int settree_fill(struct volume *volume, const struct settree *content);
