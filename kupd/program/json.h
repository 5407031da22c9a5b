/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Text for the JSON result, whatever bytes it contains.
 */

#include <json-c/json.h>

/** Text for JSON, which must be UTF-8, while a file name can be any bytes: invalid ones become
 * question marks. The caller owns it. */
struct json_object *json_text(const char *text);

/** Add this text to @object; null if it is empty. */
void json_add_text(struct json_object *object, const char *name, const char *text);

/** A sink for log_set_sink(): adds the message to a JSON array, @data. */
void json_collect(void *data, const char *text);
