/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "progressfd.h"

#include <json-c/json.h>
#include <stdio.h>

#include "base/util.h"
#include "program/json.h"

void progressfd_init(struct progressfd *progressfd, int fd, const char *target)
{
	*progressfd = (struct progressfd){.fd = fd, .target = target};
}

static void add_number(struct json_object *line, const char *name, double number, bool is_known)
{
	json_object_object_add(
		line, name, is_known ? json_object_new_int64((int64_t)number) : NULL);
}

void progressfd_update(
	struct progressfd *progressfd, const char *phase, uint64_t done, uint64_t total)
{
	const struct rate *rate = &progressfd->rate;
	struct json_object *line;

	if (progressfd->fd < 0 || total == 0 || !rate_update(&progressfd->rate, phase, done, total))
		return;
	line = json_object_new_object();
	json_object_object_add(line, "target", json_text(progressfd->target));
	json_object_object_add(line, "phase", json_object_new_string(phase));
	json_object_object_add(line, "done", json_object_new_uint64(MIN(done, total)));
	json_object_object_add(line, "total", json_object_new_uint64(total));
	add_number(line, "rate", rate->bytes_per_second, rate->bytes_per_second > 0);
	add_number(line, "seconds_left", rate->seconds_left, rate->bytes_per_second > 0);
	if (dprintf(progressfd->fd, "%s\n",
		    json_object_to_json_string_ext(
			    line, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)) < 0)
		progressfd->fd = -1;
	json_object_put(line);
}
