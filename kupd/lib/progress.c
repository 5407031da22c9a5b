/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#include "size.h"

void progress_init(struct progress *progress, bool wanted)
{
	*progress = (struct progress){.enabled = wanted && isatty(STDERR_FILENO)};
}

void progress_update(struct progress *progress, const char *phase, uint64_t done, uint64_t total)
{
	const struct pace *pace = &progress->pace;
	char is[SIZE_TEXT], all[SIZE_TEXT];

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
	fprintf(stderr, "\r\033[K%s %3u %%, %s of %s", phase, (unsigned int)(done * 100 / total),
		size_text(done, is), size_text(total, all));
	if (pace->rate > 0)
		fprintf(stderr, ", %s/s, %.0f s left", size_text((uint64_t)pace->rate, is),
			pace->seconds_left);
}
