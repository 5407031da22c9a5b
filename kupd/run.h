/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * One run of a verb: what all verbs are given, and the functions behind the verbs.
 */

#include <json-c/json.h>

#include "machine/host.h"
#include "base/observer.h"
#include "options.h"

struct run {
	const struct options *options;
	struct host host;
	struct observer observer;
	struct json_object *result; /* what --json prints; verbs add to it */
	bool changed;		    /* the stick was written to */
};

/* Each returns 0 or a negative errno, having reported. */
int update_verb(struct run *run);
int status_verb(struct run *run);
int verify_verb(struct run *run);
int rollback_verb(struct run *run);
int next_verb(struct run *run);
int bless_verb(struct run *run);
int repair_verb(struct run *run);

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
int update_run(struct run *run, const char *release, bool tolerant, enum update_result *ret_result);

/** Add text to the JSON result, or null. What stood there by that name goes. */
void run_add(struct run *run, const char *name, const char *value);

/** Open the stick that the options name; @flags are stick_open()'s. Reports. */
int run_open_stick(const struct run *run, unsigned int flags, struct stick **ret_stick);
