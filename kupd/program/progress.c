/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/size.h"

void progress_init(struct progress *progress, bool wanted)
{
	*progress = (struct progress){.enabled = wanted && isatty(STDERR_FILENO)};
}

void progress_update(struct progress *progress, const char *phase, uint64_t done, uint64_t total)
{
	const struct rate *rate = &progress->rate;
	char is[SIZE_TEXT], all[SIZE_TEXT], text[160];
	int length;

	if (!progress->enabled || total == 0 || !rate_update(&progress->rate, phase, done, total))
		return;
	if (done >= total) {
		log_draw(NULL);
		return;
	}
	length = snprintf(text, sizeof(text), "%s %3u %%, %s of %s", phase,
		(unsigned int)(done * 100 / total), size_text(done, is), size_text(total, all));
	if (rate->bytes_per_second > 0 && length > 0 && (size_t)length < sizeof(text))
		snprintf(text + length, sizeof(text) - (size_t)length, ", %s/s, %.0f s left",
			size_text((uint64_t)rate->bytes_per_second, is), rate->seconds_left);
	log_draw(text);
}
