/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The packages that the first boot of a stock image installs: on the stick from then on, they keep
 * its kernel up to date. Whether they can be installed there is apt's to say, from what the image's
 * dpkg has recorded.
 */

#include "source.h"

#define STICKPACKAGES_MAX 32u

struct stickpackages {
	char *names[STICKPACKAGES_MAX]; /* of their files */
	int fds[STICKPACKAGES_MAX];	/* copies in memory */
	size_t n;
	uint64_t size; /* of all, in bytes */
};

/**
 * Choose the packages that the image's system @system lacks to keep the kernel @release up to date:
 * from @folder, or if that is NULL from the data of the program, or else from where this machine's
 * apt gets packages. None if the system has them. If they cannot be had, or cannot be installed
 * there, a warning says why and what to do, unless @folder was named; there are none then.
 * @image_name is for messages. Reports. Returns -ERR_REFUSED if @folder has none that can be
 * installed; -EINTR if @observer (may be NULL) is interrupted; -errno. Free with
 * stickpackages_clear().
 */
int stickpackages_choose(const struct source *system, const char *image_name, const char *folder,
	const char *release, const struct observer *observer, struct stickpackages *ret_packages);

/** Warn that the packages in @folder, if one was named, are not needed. */
void stickpackages_tell_unused(const char *image_name, const char *folder);

void stickpackages_clear(struct stickpackages *packages);
