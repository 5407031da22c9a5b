/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The progress of several phases, each of which tells only its own, as that of the whole work.
 */

#include "base/observer.h"

#define TALLY_PHASES_MAX 8u

struct tally {
	const struct observer *observer; /* of the whole; is asked for interruption, too */
	struct {
		const char *name;
		uint64_t bytes; /* what the phase counts for */
	} phases[TALLY_PHASES_MAX];
	size_t n;
	uint64_t total; /* bytes of all phases */
};

/** Begin without phases. @observer may be NULL; it has to outlive the tally. */
void tally_init(struct tally *tally, const struct observer *observer);

/** Phase @name (static text) comes next, and counts for @bytes, whatever total it tells itself. */
void tally_add(struct tally *tally, const char *name, uint64_t bytes);

/** What the phases are to be told to. @tally has to outlive it. */
struct observer tally_observer(struct tally *tally);
