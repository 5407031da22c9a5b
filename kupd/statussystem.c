/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "statussystem.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/size.h"
#include "base/text.h"
#include "base/util.h"
#include "system.h"

/* Words separated by spaces, as a JSON array. */
static void add_words(struct kupd_run *run, const char *name, const char *words)
{
	struct json_object *list = json_object_new_array();

	for (size_t n; *(words += strspn(words, " ")); words += n) {
		n = strcspn(words, " ");
		json_object_array_add(list, json_object_new_string_len(words, (int)n));
	}
	json_object_object_add(run->result, name, list);
}

static void tell_held(struct kupd_run *run)
{
	autofree char *names = system_held_kernels(run);

	if (names && *names && !run->options->json)
		printf("%-11s %s  (apt does not upgrade: sudo apt-mark unhold %s)\n", "held", names,
			names);
	add_words(run, "held", names ?: "");
}

static void tell_free(struct kupd_run *run)
{
	autofree char *path = text_new("%s/boot", run->options->root);
	char text[SIZE_TEXT];
	struct statvfs fs;
	uint64_t free;

	if (!run_knows_system(run) || !path || statvfs(path, &fs) < 0) {
		run_add(run, "free_bytes", NULL);
		return;
	}
	free = (uint64_t)fs.f_bavail * fs.f_frsize;
	json_object_object_add(run->result, "free_bytes", json_object_new_int64((int64_t)free));
	if (!run->options->json)
		printf("%-11s %s\n", "free", size_text(free, text));
}

/* What fills the persistence in the course of time. */
static void tell_old(struct kupd_run *run, const struct inventory *inventory)
{
	autofree char *names = NULL, *packages = NULL;
	char text[SIZE_TEXT];
	uint64_t size = 0;

	names = system_old_kernels(run, inventory, &size);
	packages = names ? system_packages_of(run, names) : NULL;
	if (names && *names && !run->options->json)
		printf("%-11s %s  (%s%s%s)\n", "old", names, size_text(size, text),
			packages && *packages ? ": sudo apt purge " : "", packages ?: "");
	add_words(run, "old", names ?: "");
	json_object_object_add(run->result, "old_bytes", json_object_new_int64((int64_t)size));
}

void status_tell_system(struct kupd_run *run, const struct inventory *inventory)
{
	tell_held(run);
	tell_free(run);
	tell_old(run, inventory);
}
