/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The making of one stick, from the opening of its target to the last word about it.
 */

#include <json-c/json.h>

#include "host.h"
#include "observer.h"
#include "passphrase.h"
#include "plan.h"
#include "target.h"

/* What all sticks of a call have in common. */
struct making {
	const struct options *options;
	const struct host *host;
	struct plan plan;
	struct passphrase *passphrase; /* NULL: none is needed */
	int turn_fd;		       /* a file whose lock lets one process at a time make a key;
					* -1: there is but one */
};

/** Close and free all of it, but options and host. */
void making_clear(struct making *making);

/**
 * Make a stick of @target, or with --dry-run tell what it would be; what it is made of becomes
 * members of @result. Reports. Returns -errno of target_open(), job_make() and job_write().
 */
int making_run(const struct making *making, struct target *target, const struct observer *observer,
	struct json_object *result);
