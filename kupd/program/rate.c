/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "rate.h"

#include <string.h>
#include <time.h>

#define INTERVAL 0.1 /* seconds between two updates */
#define SETTLING 0.5 /* seconds before a rate means something */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

bool rate_update(struct rate *pace, const char *phase, uint64_t done, uint64_t total)
{
	double time = now(), elapsed;

	if (!pace->phase || pace->total != total)
		*pace = (struct rate){.phase = phase, .total = total, .started = time};
	if (strcmp(pace->phase, phase) != 0)
		*pace = (struct rate){.phase = phase,
			.total = total,
			.begun = done,
			.started = time,
			.rate = pace->rate};
	elapsed = time - pace->started;
	if (elapsed >= SETTLING && done > pace->begun)
		pace->rate = (double)(done - pace->begun) / elapsed;
	if (pace->rate > 0 && done <= total)
		pace->seconds_left = (double)(total - done) / pace->rate;
	if (done >= total) {
		pace->phase = NULL;
		return true;
	}
	if (time - pace->told < INTERVAL)
		return false;
	pace->told = time;
	return true;
}
