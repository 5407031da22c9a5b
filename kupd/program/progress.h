/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A line on the terminal that shows the progress of a long task.
 */

#include <stdbool.h>
#include <stdint.h>

#include "rate.h"

struct progress {
	bool enabled;
	struct rate rate;
};

/** Enabled only if standard error is a terminal. */
void progress_init(struct progress *progress, bool wanted);

/** Show @done of @total bytes of @phase; draws at most ten times a second. */
void progress_update(struct progress *progress, const char *phase, uint64_t done, uint64_t total);
