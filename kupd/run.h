/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * One run of a verb: what every verb gets, and the functions that implement the verbs.
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

/* Each reports. Returns 0 or a negative error. */
int update_verb(struct kupd_run *run);
int status_verb(struct kupd_run *run);
int verify_verb(struct kupd_run *run);
int rollback_verb(struct kupd_run *run);
int next_verb(struct kupd_run *run);
int bless_verb(struct kupd_run *run);
int repair_verb(struct kupd_run *run);

/* The result of an update that did not fail. */
enum update_result {
	UPDATE_WRITTEN,	      /* or, with --dry-run, would be */
	UPDATE_THERE_ALREADY, /* it is current already */
	UPDATE_FAILED_BEFORE, /* it did not come up earlier: skipped */
};

/**
 * Write @release (NULL: the newest, or the one given by the options) according to the options.
 * @tolerant: give up a current set that cannot be read instead of stopping. Reports. Returns
 * -errno.
 */
int update_run(
	struct kupd_run *run, const char *release, bool tolerant, enum update_result *ret_result);

/** Add text to the JSON result, or null, replacing any earlier value of that name. */
void run_add(struct kupd_run *run, const char *name, const char *value);

/** Is the system that runs from the stick known? It is the running one, or the one named with
 * --root. */
bool run_knows_system(const struct kupd_run *run);

/** Open the stick given by the options; @flags are stick_open()'s. Reports. */
int run_open_stick(const struct kupd_run *run, unsigned int flags, struct stick **ret_stick);

/**
 * Report that @step ("cannot read the volume descriptor") failed with @error, unless it was
 * interrupted: only the caller knows what that means. Returns @error.
 */
int run_failed(const struct stick *stick, const char *step, int error);

/** Make sure that the stick's kernel partition is not mounted, with stickmount_release().
 * Reports. */
int run_release_kernel(const struct kupd_run *run, const struct stick *stick);

/** The kernel partition has changed: make a mount of it read it again. */
void run_refresh_kernel(const struct kupd_run *run, const struct stick *stick);
