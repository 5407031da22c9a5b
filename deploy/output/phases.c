/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "phases.h"

#include <assert.h>
#include <string.h>

#include "base/util.h"

void phases_init(struct phases *phases, const struct observer *observer)
{
	*phases = (struct phases){.observer = observer};
}

void phases_add(struct phases *phases, const char *name, uint64_t bytes)
{
	assert(phases->n < PHASES_MAX);
	phases->list[phases->n].name = name;
	phases->list[phases->n++].bytes = bytes;
	phases->total += bytes;
}

static void on_progress(void *data, const char *phase, uint64_t done, uint64_t total)
{
	const struct phases *phases = data;
	uint64_t before = 0;

	for (size_t i = 0; total > 0 && i < phases->n; i++) {
		if (strcmp(phases->list[i].name, phase) == 0) {
			double part = (double)MIN(done, total) / (double)total;
			uint64_t now = (uint64_t)((double)phases->list[i].bytes * part);

			observer_progress(phases->observer, phase, before + now, phases->total);
			return;
		}
		before += phases->list[i].bytes;
	}
}

static bool on_interrupted(void *data)
{
	return observer_interrupted(((struct phases *)data)->observer);
}

struct observer phases_observer(struct phases *phases)
{
	return (struct observer){on_progress, on_interrupted, phases};
}
