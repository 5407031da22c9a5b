/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What the initrd of a stock image lacks to open an encrypted persistence, appended to it as one
 * more segment: what the image has stays as it is, and nothing of it is run.
 */

#include "base/observer.h"
#include "image/image.h"

/**
 * Append to the initrd of @release open at @fd, a copy that may be changed, what it lacks: the hook
 * that looks for the persistence on the stick only; cryptsetup, from the image's system or else
 * from this machine; the modules for LUKS. One that lacks nothing stays as it is, as does one
 * without live-boot, which candidate_check() refuses. @name is for messages. Reports. Returns 1 if
 * it was changed, 0 if not; -ERR_REFUSED if a part cannot be had; -EINTR; -errno.
 */
int addition_append(const struct image *image, int fd, const char *name, const char *release,
	const struct observer *observer);
