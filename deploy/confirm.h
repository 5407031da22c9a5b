/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Showing people what is lost, and asking whether they mean it.
 */

#include <json-c/json.h>
#include <stdio.h>

#include "base/observer.h"
#include "plan.h"
#include "target/target.h"

/**
 * Show what @target is and holds and what it will be, the plan of @plan, and have the model name of
 * a disk, the name of a file that holds something, typed on the terminal; with @yes show only what
 * is lost, and ask nothing. A new or empty file needs no asking. Reports. Returns -ERR_REFUSED if
 * the answer is another, or if there is no terminal to ask on; -EINTR.
 */
int confirm(const struct target *target, const struct stick_plan *plan, bool yes,
	const struct observer *observer);

/** What is lost, for programs: an object; NULL for a new or empty file. The caller puts it. */
struct json_object *confirm_json(const struct target *target, const struct stick_plan *plan);

/** Print what would be lost of a target that is only looked at; nothing of a new or empty file. */
void confirm_show(FILE *to, const struct target *target, const struct stick_plan *plan);
