/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A mark that lasts for one boot: a file below /run of the system below a root folder.
 */

#include <stdbool.h>

#include "run.h"

/**
 * Record that a kernel set was written during this boot, if @stick, by whatever name, is the one it
 * runs from: this boot then proves nothing about that set. Best effort, below /run.
 */
void bootmark_set_written(const struct kupd_run *run, const struct stick *stick);

/** Has that been recorded since the system started? */
bool bootmark_is_written(const char *root);
