/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "meter.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "program.h"
#include "util.h"

#define INTERVAL 0.1 /* seconds between two lines */
#define SETTLING 0.5 /* seconds before a rate is worth telling */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void meter_init(struct meter *meter, int fd, const char *target)
{
	*meter = (struct meter){.fd = fd, .target = target};
}

static void add_number(struct json_object *line, const char *name, double number, bool is_known)
{
	json_object_object_add(
		line, name, is_known ? json_object_new_int64((int64_t)number) : NULL);
}

static void write_line(struct meter *meter, uint64_t done, uint64_t total, double elapsed)
{
	struct json_object *line = json_object_new_object();
	double rate = elapsed > 0 ? (double)done / elapsed : 0;
	bool is_known = elapsed >= SETTLING && rate >= 1;

	json_object_object_add(line, "target", program_text(meter->target));
	json_object_object_add(line, "phase", json_object_new_string(meter->phase));
	json_object_object_add(line, "done", json_object_new_uint64(done));
	json_object_object_add(line, "total", json_object_new_uint64(total));
	add_number(line, "rate", rate, is_known);
	add_number(line, "seconds_left", (double)(total - done) / rate, is_known);
	if (dprintf(meter->fd, "%s\n",
		    json_object_to_json_string_ext(
			    line, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)) < 0)
		meter->fd = -1;
	json_object_put(line);
}

void meter_update(struct meter *meter, const char *phase, uint64_t done, uint64_t total)
{
	bool ends = done >= total;
	double time;

	if (meter->fd < 0 || total == 0)
		return;
	time = now();
	/* Another total is other work, and its rate another one. */
	if (!meter->phase || strcmp(meter->phase, phase) != 0 || meter->total != total) {
		meter->phase = phase;
		meter->total = total;
		meter->started = time;
		meter->told = 0;
	}
	if (!ends && time - meter->told < INTERVAL)
		return;
	meter->told = time;
	write_line(meter, MIN(done, total), total, time - meter->started);
	if (ends)
		meter->phase = NULL;
}
