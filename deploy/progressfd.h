/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Progress for programs: lines of JSON on a descriptor.
 */

#include "program/rate.h"

struct progressfd {
	int fd; /* -1: nobody wants to know */
	const char *target;
	struct rate pace;
};

/** @fd and @target, which must outlive the progressfd, are not owned. */
void progressfd_init(struct progressfd *progressfd, int fd, const char *target);

/** As rate_update(): what is worth telling is written. If it cannot be written, no more is. */
void progressfd_update(
	struct progressfd *progressfd, const char *phase, uint64_t done, uint64_t total);
