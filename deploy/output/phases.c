/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "phases.h"

#include <assert.h>
#include <string.h>

#include "base/util.h"

void tally_init(struct tally *tally, const struct observer *observer)
{
	*tally = (struct tally){.observer = observer};
}

void tally_add(struct tally *tally, const char *name, uint64_t bytes)
{
	assert(tally->n < TALLY_PHASES_MAX);
	tally->phases[tally->n].name = name;
	tally->phases[tally->n++].bytes = bytes;
	tally->total += bytes;
}

static void on_progress(void *data, const char *phase, uint64_t done, uint64_t total)
{
	const struct tally *tally = data;
	uint64_t before = 0;

	for (size_t i = 0; total > 0 && i < tally->n; i++) {
		if (strcmp(tally->phases[i].name, phase) == 0) {
			double part = (double)MIN(done, total) / (double)total;
			uint64_t now = (uint64_t)((double)tally->phases[i].bytes * part);

			observer_progress(tally->observer, phase, before + now, tally->total);
			return;
		}
		before += tally->phases[i].bytes;
	}
}

static bool on_interrupted(void *data)
{
	return observer_interrupted(((struct tally *)data)->observer);
}

struct observer tally_observer(struct tally *tally)
{
	return (struct observer){on_progress, on_interrupted, tally};
}
