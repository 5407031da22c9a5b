/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

#define INTERVAL 0.1 /* seconds between two drawings */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void progress_init(struct progress *progress, bool wanted)
{
	*progress = (struct progress){.enabled = wanted && isatty(STDERR_FILENO)};
}

void progress_update(struct progress *progress, const char *phase, uint64_t done, uint64_t total)
{
	double time, elapsed, rate;
	bool ends = done >= total;

	if (!progress->enabled || total == 0)
		return;
	time = now();
	if (!progress->phase || strcmp(progress->phase, phase) != 0 || progress->started <= 0) {
		progress->phase = phase;
		progress->started = time;
		progress->drawn = 0;
	}
	if (ends) {
		/* Wiped, so that what was done is told on a clean line. */
		if (progress->shown)
			fprintf(stderr, "\r\033[K");
		progress->shown = false;
		progress->started = 0;
		return;
	}
	if (time - progress->drawn < INTERVAL)
		return;
	progress->drawn = time;
	progress->shown = true;
	elapsed = time - progress->started;
	rate = elapsed > 0 ? (double)done / elapsed : 0;
	fprintf(stderr, "\r\033[K%s %3u %%, %.1f of %.1f MiB", phase,
		(unsigned int)(done * 100 / total), (double)done / MIB, (double)total / MIB);
	if (elapsed > 5 * INTERVAL && rate > 0)
		fprintf(stderr, ", %.1f MiB/s, %.0f s left", rate / MIB,
			(double)(total - done) / rate);
}
