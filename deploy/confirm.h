/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Showing users what will be lost, and asking for confirmation.
 */

#include <json-c/json.h>
#include <stdio.h>

#include "base/observer.h"
#include "plan.h"
#include "target/target.h"

/**
 * Show what @target is and holds and what it will become, and have the user type the model name of
 * a disk, or the name of a file that holds something, on the terminal; with @yes only show what
 * will be lost, and do not ask. A new or empty file needs no confirmation. Reports. Returns
 * -ERR_REFUSED if the answer is wrong, or if there is no terminal to ask on; -EINTR.
 */
int confirm(const struct target *target, const struct stick_plan *plan, bool yes,
	const struct observer *observer);

/** What will be lost, for programs: an object; NULL for a new or empty file. The caller puts it. */
struct json_object *confirm_json(const struct target *target, const struct stick_plan *plan);

/** Print what would be lost on a target in a dry run; nothing for a new or empty file. */
void confirm_show(FILE *to, const struct target *target, const struct stick_plan *plan);
