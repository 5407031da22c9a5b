/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The rate of a long task, for showing it to people and to programs.
 */

#include <stdbool.h>
#include <stdint.h>

struct rate {
	const char *phase;	 /* of the current task; NULL: none */
	uint64_t total;		 /* its size in bytes */
	uint64_t begun;		 /* bytes that were done when the phase began */
	double started;		 /* seconds, monotonic clock */
	double told;		 /* when it was last worth showing */
	double bytes_per_second; /* bytes per second; 0: not known yet */
	double seconds_left;	 /* only with a rate */
};

/**
 * Record that @done of @total bytes are done, now in @phase (static text). Each phase has its own
 * rate; until it is known, the previous phase's is used, provided both belong to the same task:
 * they have the same total, which the previous one has not reached. Returns whether this is worth
 * showing: at most ten times a second, and at the end.
 */
bool rate_update(struct rate *rate, const char *phase, uint64_t done, uint64_t total);
