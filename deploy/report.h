/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What a stick is made of, told to people and to programs.
 */

#include <json-c/json.h>
#include <stdio.h>

#include "plan.h"

/** "LUKS2", "kept, in the clear", "none": static text. */
const char *report_persistence(const struct job *job);

/** The whole plan for @target, to @out. */
void report_print(const struct job *job, const char *target, FILE *out);

/** The same as members of @to. */
void report_json(const struct job *job, struct json_object *to);
