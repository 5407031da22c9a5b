/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * One new stick, from the target named by the user to the final report: the steps, in order. Each
 * reports, and returns -errno.
 */

#include <json-c/json.h>

#include "base/observer.h"
#include "inputs.h"
#include "persistence/passphrase.h"
#include "plan.h"
#include "run.h"
#include "target/target.h"

/* What all sticks of a run share. */
struct newstick_shared {
	const struct deploy_run *run;
	struct inputs inputs;
	struct passphrase *passphrase; /* NULL: none is needed */
	int key_lock_fd; /* a file whose lock lets one process at a time make a key; -1: there is
			  * only one process */
	struct newstick *sticks; /* all of them, in the order in which the user named them */
	size_t n;
};

struct newstick {
	const struct newstick_shared *shared; /* not owned */
	const char *path;		      /* the target's, as the user named it */
	struct target target;
	struct stick_plan plan;
	int error;		    /* of the step that failed; else 0 */
	struct json_object *result; /* the JSON about it; NULL once it was passed on */
};

/** Set up a stick for each target in the options of @run, which must outlive it. Returns -ENOMEM.
 * The caller frees it with newstick_shared_clear(). */
int newstick_shared_init(struct newstick_shared *shared, const struct deploy_run *run);

/** Close and free everything, including the sticks, but not the run. */
void newstick_shared_clear(struct newstick_shared *shared);

/** How many sticks have no error so far. */
size_t newstick_count_good(const struct newstick_shared *shared);

/** Examine the target: what it is, and that it is not one of the inputs or named twice. */
int newstick_read(struct newstick *stick);

/** After newstick_read(): does it hold a persistence that is encrypted? */
bool newstick_holds_encrypted(const struct newstick *stick);

/** Check that it may be written, by the rules for disks. */
int newstick_check(struct newstick *stick);

/** Plan it, and add the plan to the result. */
int newstick_plan(struct newstick *stick);

/** Print what would be lost, and the plan. */
int newstick_show(struct newstick *stick);

/** Have the user confirm what will be lost; does not ask if another stick was declined. */
int newstick_confirm(struct newstick *stick);

/** Open the target for writing, and check that the plan still fits. */
int newstick_open(struct newstick *stick);

/** Write it, and say so. @observer is notified about this stick only. */
int newstick_write(struct newstick *stick, const struct observer *observer);

/** newstick_write() for the only stick: progress goes to the terminal and to --progress-fd. */
int newstick_write_alone(struct newstick *stick);
