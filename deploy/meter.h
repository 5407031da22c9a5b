/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Progress for programs: lines of JSON on a descriptor.
 */

#include <stdint.h>

struct meter {
	int fd; /* -1: nobody wants to know */
	const char *target;
	const char *phase; /* of the running work; NULL: none runs */
	uint64_t total;	   /* of it */
	double started;	   /* seconds */
	double told;
};

/** @fd and @target, which must outlive the meter, are not owned. */
void meter_init(struct meter *meter, int fd, const char *target);

/** @done of @total bytes of @phase (static text); writes at most ten lines a second, and one at the
 * end of each phase. If they cannot be written, no more are. */
void meter_update(struct meter *meter, const char *phase, uint64_t done, uint64_t total);
