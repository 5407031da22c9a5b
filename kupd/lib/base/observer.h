/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The observer of a long task: it is told about progress and asked whether to go on.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct observer {
	/* @phase is static text ("writing"); @done and @total are bytes. */
	void (*progress)(void *data, const char *phase, uint64_t done, uint64_t total);
	bool (*interrupted)(void *data);
	void *data;
};

static inline void observer_progress(
	const struct observer *observer, const char *phase, uint64_t done, uint64_t total)
{
	if (observer && observer->progress)
		observer->progress(observer->data, phase, done, total);
}

static inline bool observer_interrupted(const struct observer *observer)
{
	return observer && observer->interrupted && observer->interrupted(observer->data);
}
