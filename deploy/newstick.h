/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The making of one stick, from the plan of it to the last word about it.
 */

#include <json-c/json.h>

#include "machine/host.h"
#include "plan.h"
#include "base/observer.h"
#include "persistence/passphrase.h"
#include "inputs.h"
#include "target/target.h"

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
 * Plan the stick that @target, which is only looked at, is to become; the plan becomes members of
 * @result. Reports. Returns as job_make().
 */
int making_plan(const struct making *making, const struct target *target, struct job *ret_job,
	struct json_object *result);

/** Open @target for writing, and see that the plan still fits it. Reports. Returns as target_open()
 * and job_check_kept(). */
int making_open(const struct making *making, struct target *target, const struct job *job);

/** Make the stick, and say so. Reports. Returns -errno of making the persistence and of
 * job_write(). */
int making_write(const struct making *making, struct target *target, struct job *job,
	const struct observer *observer);
