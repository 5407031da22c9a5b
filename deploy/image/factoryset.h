/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The stick's first kernel set: the image's own, or files that the user names in its place.
 */

#include "candidate/candidate.h"
#include "image.h"
#include "iso/tree.h"

struct factoryset {
	struct candidate *candidate;
	struct tree_file kernel; /* where to read them from; the paths are the candidate's */
	struct tree_file initrd;
	bool kernel_is_ours; /* the image's own kernel and initrd, or files? */
	bool initrd_is_ours;
	bool is_for_pc; /* which a BIOS can boot, too */
};

/**
 * Open the set: @kernel and @initrd (NULL: the image's). @image must outlive it. Reports.
 * Returns -ERR_REFUSED if it is no whole kernel; -errno. The caller ends it with
 * factoryset_close().
 */
int factoryset_open(const struct image *image, const char *kernel, const char *initrd,
	struct factoryset *ret_set);

/** Read all of it for its digests. Reports. Returns -EINTR; -errno. */
int factoryset_digest(struct factoryset *set, const struct observer *observer);

void factoryset_close(struct factoryset *set);

/** Are files in the place of the image's own still those that were opened? */
bool factoryset_is_unchanged(const struct factoryset *set);

/** What it is read from, for messages: the image, or what takes the place of its own. */
const char *factoryset_sources(const struct factoryset *set);

/** Kernel and initrd, in bytes. */
uint64_t factoryset_size(const struct factoryset *set);
