/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Progress for programs: lines of JSON on a file descriptor.
 */

#include "program/rate.h"

struct progressfd {
	int fd; /* -1: not requested */
	const char *target;
	struct rate rate;
};

/** @fd and @target, which must outlive the progressfd, are not owned. */
void progressfd_init(struct progressfd *progressfd, int fd, const char *target);

/** As rate_update(): writes a line if that is worth it. After a failed write, nothing more is
 * written. */
void progressfd_update(
	struct progressfd *progressfd, const char *phase, uint64_t done, uint64_t total);
