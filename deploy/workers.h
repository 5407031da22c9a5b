/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The same work for several targets at once: a process for each, so that each goes at its own pace
 * and the failure of one, whatever it is, is not that of the others.
 */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/observer.h"

struct worker {
	const char *name;	  /* the target's; not owned */
	struct json_object *said; /* by the work: `errors`, `warnings`; owned */
	int error;		  /* what the work returned */
};

struct workers_settings {
	const struct observer *observer; /* of the whole: is asked for interruption */
	int progress_fd;		 /* as progressfd_init() has it */
	bool draws;			 /* progress on standard error */
};

/** One member's work, in a process of its own: what it changes in memory nobody else sees.
 * Reports. */
typedef int (*workers_work)(void *data, size_t i, const struct observer *observer);

/**
 * Do @work for each of @n members, and wait for all of them. What they say to people comes out on
 * standard error whole lines at a time. Reports if a member could not be started, or ended without
 * a word: then that is its error, and nothing is known of what it said. Returns -ENOMEM. The caller
 * frees what was said.
 */
int workers_run(struct worker *members, size_t n, workers_work work, void *data,
	const struct workers_settings *wish);
