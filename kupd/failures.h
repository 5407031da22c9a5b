/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The kernel sets that did not come up, known by their content, in /var/lib/liveng/failed of the
 * system below a root folder: one line a set, the newest failure last.
 */

#include "run.h"
#include "slots/kernelset.h"

#define FAILED_MAX 8u /* sets remembered */

struct failure {
	char release[KERNEL_RELEASE_MAX];
	char kernel_sum[DIGEST_TEXT];
	char initrd_sum[DIGEST_TEXT];
	char date[16];	 /* of the failure, "2026-11-25" */
	char reason[96]; /* what was seen */
};

struct failures {
	struct failure sets[FAILED_MAX];
	size_t n;
};

/*
 * Such sets are known of the stick that a system runs from only, be it this one or one below
 * --root: of another stick the list is empty, and nothing is noted. What cannot be noted is warned
 * of, it is no reason to stop.
 */

/** Read the list; a missing or damaged one is empty. */
void failures_read(const struct kupd_run *run, struct failures *ret_failed);

/** The set of this content, or NULL. */
const struct failure *failures_find(
	const struct failures *failed, const char *kernel_sum, const char *initrd_sum);

/**
 * Remember that @set does not come up, for @reason; once, however often it is told. A set without
 * checksums cannot be told from others: it is remembered by its release only. Written whole or not
 * at all.
 */
void failures_note(const struct kupd_run *run, const struct kernelset *set, const char *reason);

/** Forget the set of this content: it is going to be tried again. */
void failures_forget(const struct kupd_run *run, const char *kernel_sum, const char *initrd_sum);

/** Forget all but those that are newer than @release, which came up. */
void failures_forget_older(const struct kupd_run *run, const char *release);
