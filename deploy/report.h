/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A description of the planned stick, for people and for programs.
 */

#include <json-c/json.h>
#include <stdio.h>

#include "plan.h"
#include "target/contents.h"

/** "LUKS2", "kept, in the clear", "none": static text. */
const char *report_persistence(const struct stick_plan *plan);

/** Print the whole plan for @target to @out. */
void report_print(const struct stick_plan *plan, const char *target, FILE *out);

/** Add the same to @to, as members. */
void report_json(const struct stick_plan *plan, struct json_object *to);

/** The partitions in @contents: an array of objects. The caller puts it. */
struct json_object *report_contents_json(const struct contents *contents);
