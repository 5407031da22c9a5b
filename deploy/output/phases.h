/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Turns the progress of several phases, each of which reports only its own, into that of the whole.
 */

#include "base/observer.h"

#define PHASES_MAX 8u

/* The names for the observer, static texts: "writing", "verifying". */
struct phase_names {
	const char *writing;
	const char *verifying;
};

struct phases {
	const struct observer *observer; /* of the whole; also polled for interruption */
	struct {
		const char *name;
		uint64_t bytes; /* the weight of the phase */
	} list[PHASES_MAX];
	size_t n;
	uint64_t total; /* bytes of all phases */
};

/** Begin without phases. @observer may be NULL; it must outlive the phases. */
void phases_init(struct phases *phases, const struct observer *observer);

/** Add @name (static text) as the next phase, with a weight of @bytes, whatever total it reports
 * itself. */
void phases_add(struct phases *phases, const char *name, uint64_t bytes);

/** The observer to give to the phases. @phases must outlive it. */
struct observer phases_observer(struct phases *phases);
