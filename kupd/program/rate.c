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

bool rate_update(struct rate *rate, const char *phase, uint64_t done, uint64_t total)
{
	double time = now(), elapsed;

	if (!rate->phase || rate->total != total)
		*rate = (struct rate){.phase = phase, .total = total, .started = time};
	if (strcmp(rate->phase, phase) != 0)
		*rate = (struct rate){.phase = phase,
			.total = total,
			.begun = done,
			.started = time,
			.bytes_per_second = rate->bytes_per_second};
	elapsed = time - rate->started;
	if (elapsed >= SETTLING && done > rate->begun)
		rate->bytes_per_second = (double)(done - rate->begun) / elapsed;
	if (rate->bytes_per_second > 0 && done <= total)
		rate->seconds_left = (double)(total - done) / rate->bytes_per_second;
	if (done >= total) {
		rate->phase = NULL;
		return true;
	}
	if (time - rate->told < INTERVAL)
		return false;
	rate->told = time;
	return true;
}
