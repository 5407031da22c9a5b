/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "progressfd.h"

#include <json-c/json.h>
#include <stdio.h>

#include "program/program.h"
#include "base/util.h"

void meter_init(struct meter *meter, int fd, const char *target)
{
	*meter = (struct meter){.fd = fd, .target = target};
}

static void add_number(struct json_object *line, const char *name, double number, bool is_known)
{
	json_object_object_add(
		line, name, is_known ? json_object_new_int64((int64_t)number) : NULL);
}

void meter_update(struct meter *meter, const char *phase, uint64_t done, uint64_t total)
{
	const struct pace *pace = &meter->pace;
	struct json_object *line;

	if (meter->fd < 0 || total == 0 || !pace_update(&meter->pace, phase, done, total))
		return;
	line = json_object_new_object();
	json_object_object_add(line, "target", program_text(meter->target));
	json_object_object_add(line, "phase", json_object_new_string(phase));
	json_object_object_add(line, "done", json_object_new_uint64(MIN(done, total)));
	json_object_object_add(line, "total", json_object_new_uint64(total));
	add_number(line, "rate", pace->rate, pace->rate > 0);
	add_number(line, "seconds_left", pace->seconds_left, pace->rate > 0);
	if (dprintf(meter->fd, "%s\n",
		    json_object_to_json_string_ext(
			    line, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)) < 0)
		meter->fd = -1;
	json_object_put(line);
}
