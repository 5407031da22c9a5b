/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The kernel sets that did not come up, known by their content, in /var/lib/liveng/failed of the
 * system below a root folder: one line a set, the newest failure last.
 */

#include "run.h"
#include "slots/kernelset.h"

#define FAILED_MAX 8u /* sets remembered */

struct failed_set {
	char release[KERNEL_RELEASE_MAX];
	char kernel_sum[DIGEST_TEXT];
	char initrd_sum[DIGEST_TEXT];
	char date[16];	 /* of the failure, "2026-11-25" */
	char reason[96]; /* what was seen */
};

struct failed {
	struct failed_set sets[FAILED_MAX];
	size_t n;
};

/*
 * Such sets are known of the stick that a system runs from only, be it this one or one below
 * --root: of another stick the list is empty, and nothing is noted. What cannot be noted is warned
 * of, it is no reason to stop.
 */

/** Read the list; a missing or damaged one is empty. */
void failed_read(const struct run *run, struct failed *ret_failed);

/** The set of this content, or NULL. */
const struct failed_set *failed_find(
	const struct failed *failed, const char *kernel_sum, const char *initrd_sum);

/**
 * Remember that @set does not come up, for @reason; once, however often it is told. A set without
 * checksums cannot be told from others: it is remembered by its release only. Written whole or not
 * at all.
 */
void failed_note(const struct run *run, const struct set *set, const char *reason);

/** Forget the set of this content: it is going to be tried again. */
void failed_forget(const struct run *run, const char *kernel_sum, const char *initrd_sum);

/** Forget all but those that are newer than @release, which came up. */
void failed_forget_older(const struct run *run, const char *release);
