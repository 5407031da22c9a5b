/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * One new stick, from the target that the user named to the last word about it: the steps, in their
 * order. Each reports, and returns -errno.
 */

#include <json-c/json.h>

#include "base/observer.h"
#include "inputs.h"
#include "persistence/passphrase.h"
#include "plan.h"
#include "run.h"
#include "target/target.h"

/* What all sticks of a call have in common. */
struct newstick_shared {
	const struct deploy_run *run;
	struct inputs inputs;
	struct passphrase *passphrase; /* NULL: none is needed */
	int turn_fd;		       /* a file whose lock lets one process at a time make a key;
					* -1: there is but one */
	struct newstick *sticks;       /* all of them, in the order that the user named them */
	size_t n;
};

struct newstick {
	const struct newstick_shared *shared; /* not owned */
	const char *path;		      /* the target's, as the user named it */
	struct target target;
	struct stick_plan plan;
	int error;		    /* of the step that failed; else 0 */
	struct json_object *result; /* what JSON says of it; NULL once it was handed on */
};

/** Begin with a stick for each target of the options of @run, which must outlive it. Returns
 * -ENOMEM. The caller ends it with newstick_shared_clear(). */
int newstick_shared_init(struct newstick_shared *shared, const struct deploy_run *run);

/** Close and free all of it, the sticks too, but not the run. */
void newstick_shared_clear(struct newstick_shared *shared);

/** How many of the sticks have no error so far. */
size_t newstick_count_good(const struct newstick_shared *shared);

/** Look at the target: what it is, and that it is none of the inputs, nor named before. */
int newstick_read(struct newstick *stick);

/** See that it may be written, by the rules for disks. */
int newstick_check(struct newstick *stick);

/** Plan it; the plan becomes members of the result. */
int newstick_plan(struct newstick *stick);

/** Print what would be lost, and the plan. */
int newstick_show(struct newstick *stick);

/** Have the user confirm what will be lost; nothing is asked after a no to another stick. */
int newstick_confirm(struct newstick *stick);

/** Open the target for writing, and see that the plan still fits it. */
int newstick_open(struct newstick *stick);

/** Write it, and say so. @observer is told of this stick alone. */
int newstick_write(struct newstick *stick, const struct observer *observer);

/** newstick_write() for the only stick: progress goes to the terminal and to --progress-fd. */
int newstick_write_alone(struct newstick *stick);
