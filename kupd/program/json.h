/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Text in the JSON result, whatever bytes it is made of.
 */

#include <json-c/json.h>

/** Text for JSON, which is UTF-8; a file name is any bytes: those that are none become question
 * marks. The caller owns it. */
struct json_object *json_text(const char *text);

/** Give @object this text; null if it is empty. */
void json_add_text(struct json_object *object, const char *name, const char *text);

/** A sink for log_set_sink(): adds the message to a JSON array, @data. */
void json_collect(void *data, const char *text);
