/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What one boot leaves for the next, and for itself: small files of the system below a root folder.
 */

#include <stdbool.h>
#include <stddef.h>

/** Note that this boot wrote a kernel set: the boot says nothing about it. Best effort, below /run.
 */
void marker_set_written(const char *root);

/** Was that noted since the system started? */
bool marker_is_written(const char *root);

/**
 * Keep the release that did not come up, and why, in /var/lib/liveng/failed. Written whole or not
 * at all. Returns -errno.
 */
int marker_set_failed(const char *root, const char *release, const char *reason);

/** Read it back: "RELEASE: REASON" as one line. Returns -ENOENT if no release failed. */
int marker_get_failed(const char *root, char *ret_text, size_t size);
