/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The same work for several targets at once: one process each, so that each runs at its own pace
 * and a failure of one, whatever it is, does not affect the others.
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
	const struct observer *observer; /* of the whole: polled for interruption */
	int progress_fd;		 /* as for progressfd_init() */
	bool draws;			 /* show progress on standard error */
};

/** One worker's work, in a separate process: changes it makes in memory are not seen elsewhere.
 * Reports. */
typedef int (*workers_work)(void *data, size_t i, const struct observer *observer);

/**
 * Do @work for each of @n workers, and wait for all of them. Their messages appear on standard
 * error, whole lines at a time. Reports if a worker could not be started, or ended without a
 * result: then that is its error, and its messages are unknown. Returns -ENOMEM. The caller frees
 * each worker's messages.
 */
int workers_run(struct worker *workers, size_t n, workers_work work, void *data,
	const struct workers_settings *settings);
