/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The tree of a kernel partition: a kernel set in /live, and the previous one under names that end
 * with `.old`.
 */

#include "iso/tree.h"

struct settree {
	struct tree_file kernel; /* the new set's files */
	struct tree_file initrd;
	const char *release; /* text of live/release */
	const char *sums;    /* text of live/SHA256SUMS */
	bool keep_current;   /* the tree's current set becomes the `.old` one */
	/* Texts for the `.old` set if the tree has none; NULL: keep the tree's. */
	const char *old_release;
	const char *old_sums;
};

/** Change @volume's tree, in memory, to one with @content. Does not report. Returns -ERR_DAMAGED if
 * /live is a file; -errno. */
int settree_fill(struct volume *volume, const struct settree *content);
