/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * /run/liveng/status.json: what `status` says of the stick that the system runs from, and what
 * happened last. For everyone: neither root nor the device is needed to read it.
 */

#include "run.h"

/**
 * Write it anew after the verb of @run has ended with @result (0 or a negative error) and reported
 * @errors: only root does, only for the stick that the system runs from, and if that was found at
 * all. Best effort.
 */
void statefile_write(const struct kupd_run *run, struct json_object *errors, int result);
