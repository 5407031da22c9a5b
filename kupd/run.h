/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * One run of a verb: what all verbs are given, and the functions behind the verbs.
 */

#include <json-c/json.h>

#include "base/observer.h"
#include "machine/host.h"
#include "options.h"

struct kupd_run {
	const struct kupd_options *options;
	struct host host;
	struct observer observer;
	struct json_object *result; /* what --json prints; verbs add to it */
	bool changed;		    /* the stick was written to */
};

/* Each returns 0 or a negative error, having reported. */
int update_verb(struct kupd_run *run);
int status_verb(struct kupd_run *run);
int verify_verb(struct kupd_run *run);
int rollback_verb(struct kupd_run *run);
int next_verb(struct kupd_run *run);
int bless_verb(struct kupd_run *run);
int repair_verb(struct kupd_run *run);

/* What came of an update that did not fail. */
enum update_result {
	UPDATE_WRITTEN,	      /* or, with --dry-run, it would be */
	UPDATE_THERE_ALREADY, /* it is current already */
	UPDATE_FAILED_BEFORE, /* it did not come up: passed over */
};

/**
 * Write @release (NULL: the newest, or what the options name) as the options say. @tolerant: a
 * current set that cannot be read is given up, no reason to stop. Reports. Returns -errno.
 */
int update_run(
	struct kupd_run *run, const char *release, bool tolerant, enum update_result *ret_result);

/** Add text to the JSON result, or null. What stood there by that name goes. */
void run_add(struct kupd_run *run, const char *name, const char *value);

/** Open the stick that the options name; @flags are stick_open()'s. Reports. */
int run_open_stick(const struct kupd_run *run, unsigned int flags, struct stick **ret_stick);

/**
 * Report that @step ("cannot read the volume descriptor") failed for @error, unless it was
 * interrupted: only the caller can tell what that means. Returns @error.
 */
int run_failed(const struct stick *stick, const char *step, int error);

/** See that the stick's kernel partition is not mounted, as stickmount_release(). Reports. */
int run_release_kernel(const struct kupd_run *run, const struct stick *stick);

/** The kernel partition has changed: a mount of it has to read it anew. */
void run_refresh_kernel(const struct kupd_run *run, const struct stick *stick);
