/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The progress of several phases, each of which tells only its own, as that of the whole work.
 */

#include "base/observer.h"

#define PHASES_MAX 8u

/* What the observer is told, static texts: "writing", "verifying". */
struct phase_names {
	const char *writing;
	const char *verifying;
};

struct phases {
	const struct observer *observer; /* of the whole; is asked for interruption, too */
	struct {
		const char *name;
		uint64_t bytes; /* what the phase counts for */
	} list[PHASES_MAX];
	size_t n;
	uint64_t total; /* bytes of all phases */
};

/** Begin without phases. @observer may be NULL; it has to outlive the phases. */
void phases_init(struct phases *phases, const struct observer *observer);

/** Phase @name (static text) comes next, and counts for @bytes, whatever total it tells itself. */
void phases_add(struct phases *phases, const char *name, uint64_t bytes);

/** What the phases are to be told to. @phases has to outlive that. */
struct observer phases_observer(struct phases *phases);
