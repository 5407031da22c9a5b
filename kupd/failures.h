/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The kernel sets that did not come up, identified by content, in /var/lib/liveng/failed of the
 * system below a root folder: one line per set, the newest failure last.
 */

#include "run.h"
#include "slots/kernelset.h"

#define FAILURES_MAX 8u /* sets remembered */

struct failure {
	char release[KERNEL_RELEASE_MAX];
	char kernel_sum[DIGEST_TEXT];
	char initrd_sum[DIGEST_TEXT];
	char date[16];	 /* of the failure, "2026-11-25" */
	char reason[96]; /* what was seen */
};

struct failures {
	struct failure sets[FAILURES_MAX];
	size_t n;
};

/*
 * The list exists only for the stick that a system runs from, either this system or one below
 * --root: for any other stick it is empty, and nothing is recorded. Failing to record an entry
 * causes a warning, but does not stop anything.
 */

/** Read the list; a missing or damaged one is empty. */
void failures_read(const struct kupd_run *run, struct failures *ret_failed);

/** The set with this content, or NULL. */
const struct failure *failures_find(
	const struct failures *failed, const char *kernel_sum, const char *initrd_sum);

/**
 * Record that @set does not come up, for @reason; at most one entry per set. A set without
 * checksums cannot be distinguished from others: only its release is recorded. The file is replaced
 * atomically.
 */
void failures_note(const struct kupd_run *run, const struct kernelset *set, const char *reason);

/** Forget the set with this content: it is going to be tried again. */
void failures_forget(const struct kupd_run *run, const char *kernel_sum, const char *initrd_sum);

/** Forget all sets except those newer than @release, which came up. */
void failures_forget_older(const struct kupd_run *run, const char *release);
