/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Progress for programs: lines of JSON on a descriptor.
 */

#include "program/rate.h"

struct meter {
	int fd; /* -1: nobody wants to know */
	const char *target;
	struct pace pace;
};

/** @fd and @target, which must outlive the meter, are not owned. */
void meter_init(struct meter *meter, int fd, const char *target);

/** As pace_update(): what is worth telling is written. If it cannot be written, no more is. */
void meter_update(struct meter *meter, const char *phase, uint64_t done, uint64_t total);
