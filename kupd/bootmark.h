/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What one boot notes for itself: a file below /run of the system below a root folder.
 */

#include <stdbool.h>

#include "run.h"

/**
 * Note that this boot wrote a kernel set, if @stick is what it runs from, by whatever name: it says
 * nothing of that set. Best effort, below /run.
 */
void bootmark_set_written(const struct kupd_run *run, const struct stick *stick);

/** Was that noted since the system started? */
bool bootmark_is_written(const char *root);
