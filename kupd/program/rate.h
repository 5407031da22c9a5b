/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * How fast long work goes, for those who show it to people and to programs.
 */

#include <stdbool.h>
#include <stdint.h>

struct rate {
	const char *phase;   /* of the running work; NULL: none runs */
	uint64_t total;	     /* bytes of it */
	uint64_t begun;	     /* bytes that were done when its phase began */
	double started;	     /* seconds, by the monotonic clock */
	double told;	     /* when it was last worth telling */
	double rate;	     /* bytes a second; 0: not known yet */
	double seconds_left; /* only with a rate */
};

/**
 * @done of @total bytes are done, in @phase (static text) now. Each phase has its own rate; until
 * it is known, that of the phase before it counts, if both are of the same work: they have the same
 * total, which the former has not reached.
 * Returns whether that is worth telling: at most ten times a second, and at the end.
 */
bool rate_update(struct rate *pace, const char *phase, uint64_t done, uint64_t total);
