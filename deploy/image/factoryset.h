/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The stick's first kernel set: the image's own, or files given by the user instead.
 */

#include "candidate/candidate.h"
#include "image.h"
#include "iso/tree.h"

struct factoryset {
	struct candidate *candidate;
	struct tree_file kernel; /* where to read them from; the candidate owns the paths */
	struct tree_file initrd;
	bool kernel_is_ours; /* the image's own kernel or initrd, not a file given by the user */
	bool initrd_is_ours;
	bool initrd_is_extended; /* the image's own, and more: a copy that is open */
	bool is_for_pc;		 /* a kernel that a BIOS can boot as well */
};

/**
 * Open the set: @kernel and @initrd (NULL: the image's). @image must outlive it. Reports. Returns
 * -ERR_REFUSED if it is not a whole kernel; -errno. The caller frees it with factoryset_close().
 */
int factoryset_open(const struct image *image, const char *kernel, const char *initrd,
	struct factoryset *ret_set);

/** Read all of it to compute its digests. Reports. Returns -EINTR; -errno. */
int factoryset_digest(struct factoryset *set, const struct observer *observer);

/** The initrd's copy (candidate->initrd_fd) was appended to: use it instead of the image's. Returns
 * -errno. */
int factoryset_extend_initrd(struct factoryset *set);

void factoryset_close(struct factoryset *set);

/** Are files given by the user still the ones that were opened? */
bool factoryset_is_unchanged(const struct factoryset *set);

/** What the set is read from, for messages: the image, or the files used instead. */
const char *factoryset_sources(const struct factoryset *set);

/** Kernel and initrd, in bytes. */
uint64_t factoryset_size(const struct factoryset *set);
