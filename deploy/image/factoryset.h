/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The stick's first kernel set: the image's own, or files that the user names in its place.
 */

#include "candidate/candidate.h"
#include "image.h"
#include "iso/session.h"

struct kernelset {
	struct candidate *candidate;
	struct tree_file kernel; /* where to read them from; the paths are the candidate's */
	struct tree_file initrd;
	bool kernel_is_ours; /* the image's own kernel and initrd, or files? */
	bool initrd_is_ours;
	bool is_for_pc; /* which a BIOS can boot, too */
};

/**
 * Open the set: @kernel and @initrd (NULL: the image's). @image must outlive it. Reports.
 * Returns -ERR_REFUSED if it is no whole kernel; -errno. The caller ends it with kernelset_close().
 */
int kernelset_open(const struct image *image, const char *kernel, const char *initrd,
	struct kernelset *ret_set);

/** Read all of it for its digests. Reports. Returns -EINTR; -errno. */
int kernelset_digest(struct kernelset *set, const struct observer *observer);

void kernelset_close(struct kernelset *set);

/** Are files in the place of the image's own still those that were opened? */
bool kernelset_is_unchanged(const struct kernelset *set);

/** What it is read from, for messages: the image, or what takes the place of its own. */
const char *kernelset_sources(const struct kernelset *set);

/** Kernel and initrd, in bytes. */
uint64_t kernelset_size(const struct kernelset *set);
