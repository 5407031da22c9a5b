/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What one boot notes for itself: a file below /run of the system below a root folder.
 */

#include <stdbool.h>

/** Note that this boot wrote a kernel set: the boot says nothing about it. Best effort, below /run.
 */
void marker_set_written(const char *root);

/** Was that noted since the system started? */
bool marker_is_written(const char *root);
