/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#include "util.h"

void progress_init(struct progress *progress, bool wanted)
{
	*progress = (struct progress){.enabled = wanted && isatty(STDERR_FILENO)};
}

void progress_update(struct progress *progress, const char *phase, uint64_t done, uint64_t total)
{
	const struct pace *pace = &progress->pace;

	if (!progress->enabled || total == 0 || !pace_update(&progress->pace, phase, done, total))
		return;
	if (done >= total) {
		/* Wiped, so that what was done is told on a clean line. */
		if (progress->shown)
			fprintf(stderr, "\r\033[K");
		progress->shown = false;
		return;
	}
	progress->shown = true;
	fprintf(stderr, "\r\033[K%s %3u %%, %.1f of %.1f MiB", phase,
		(unsigned int)(done * 100 / total), (double)done / MIB, (double)total / MIB);
	if (pace->rate > 0)
		fprintf(stderr, ", %.1f MiB/s, %.0f s left", pace->rate / MIB, pace->seconds_left);
}
