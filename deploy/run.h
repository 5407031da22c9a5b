/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * One run of a verb: what it gets, and the functions that implement the verbs.
 */

#include <json-c/json.h>

#include "base/observer.h"
#include "machine/host.h"
#include "options.h"

struct deploy_run {
	const struct deploy_options *options;
	struct host host;
	struct observer observer;
	struct json_object *result; /* what --json prints; verbs add to it */
	struct json_object *errors; /* all that were reported */
	struct json_object *warnings;
};

/* Each reports. Returns 0 or a negative error. */
int deploy_verb(struct deploy_run *run);
int list_verb(struct deploy_run *run);
