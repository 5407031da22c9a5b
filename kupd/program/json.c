/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "json.h"

#include <string.h>

#include "base/text.h"
#include "base/util.h"

struct json_object *json_text(const char *text)
{
	autofree char *clean = strdup(text);

	if (clean)
		text_make_utf8(clean);
	return json_object_new_string(clean ? clean : "");
}

void json_add_text(struct json_object *object, const char *name, const char *text)
{
	json_object_object_add(object, name, text[0] ? json_text(text) : NULL);
}

void json_collect(void *data, const char *text)
{
	json_object_array_add(data, json_text(text));
}
