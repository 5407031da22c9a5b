/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The verb that lists all disks of this machine: those that can be written to, and the others with
 * the reason why not.
 */

#include <string.h>

#include "base/log.h"
#include "base/size.h"
#include "program/json.h"
#include "report.h"
#include "run.h"
#include "target/contents.h"
#include "target/refusal.h"

#define FALLBACK_MODEL "no name"

/* An entry of the list. */
struct entry {
	struct drive drive;
	struct refusal refusal;
	struct contents contents;
	bool is_known;	 /* the contents */
	char holds[256]; /* "holds gpt: ext4", or why this is not known */
};

/* The widths of the columns. */
struct widths {
	int node, size, bus, model;
};

static void read_contents(const struct host *host, struct entry *entry)
{
	cleanup(disk_closep) struct disk *disk = NULL;
	char text[240];
	int r;

	r = disk_open(entry->drive.node, false, &disk);
	if (r == 0)
		r = contents_read(disk, &entry->contents);
	if ((r == -EACCES || r == -EPERM) &&
		contents_read_udev(host, entry->drive.devno, &entry->contents) == 0)
		r = 0;
	entry->is_known = r == 0;
	if (r == 0) {
		contents_summary(&entry->contents, text, sizeof(text));
		snprintf(entry->holds, sizeof(entry->holds), "holds %s", text);
	} else if ((r == -EACCES || r == -EPERM) && geteuid() != 0) {
		strcpy(entry->holds, "only root can see what it holds");
	} else {
		snprintf(entry->holds, sizeof(entry->holds), "cannot read what it holds: %s",
			error_text(r));
	}
}

static int read_entries(struct deploy_run *run, struct entry **ret_entries, size_t *ret_n)
{
	const struct drive_rules rules = {
		run->options->allow_fixed, run->options->allow_large, 0, NULL};
	autofree struct drive *drives = NULL;
	autofree struct entry *entries = NULL;
	size_t n;
	int r;

	log_step("listing the disks");
	r = drives_list(&run->host, &drives, &n);
	if (r < 0)
		return report(r, "cannot list the disks");
	entries = calloc(n + 1, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < n; i++) {
		entries[i].drive = drives[i];
		r = refusal_find(&run->host, &drives[i], &rules, &entries[i].refusal);
		if (r == 0 && drives[i].size > 0)
			read_contents(&run->host, &entries[i]);
	}
	if (r < 0)
		return r;
	*ret_entries = steal_pointer(entries);
	*ret_n = n;
	return 0;
}

static struct json_object *entry_json(const struct entry *entry)
{
	const struct drive *drive = &entry->drive;
	struct json_object *object = json_object_new_object();
	char text[240];

	json_add_text(object, "node", drive->node);
	json_add_text(object, "model", drive->model);
	json_add_text(object, "serial", drive->serial);
	json_add_text(object, "bus", drive->bus);
	json_object_object_add(object, "size", json_object_new_uint64(drive->size));
	json_object_object_add(object, "removable", json_object_new_boolean(drive->is_removable));
	json_object_object_add(object, "read_only", json_object_new_boolean(drive->is_read_only));
	contents_summary(&entry->contents, text, sizeof(text));
	json_add_text(object, "contents", entry->is_known ? text : "");
	json_add_text(object, "table", entry->contents.table);
	json_object_object_add(object, "partitions", report_contents_json(&entry->contents));
	json_object_object_add(
		object, "is_candidate", json_object_new_boolean(entry->refusal.error == 0));
	json_add_text(object, "why_not", entry->refusal.reason);
	json_add_text(object, "way_out", entry->refusal.way_out);
	return object;
}

static const char *model_of(const struct entry *entry)
{
	return entry->drive.model[0] ? entry->drive.model : FALLBACK_MODEL;
}

static void widen(int *width, const char *text)
{
	*width = MAX(*width, (int)strlen(text));
}

static struct widths measure(const struct entry *entries, size_t n)
{
	struct widths widths = {0};
	char size[SIZE_TEXT];

	for (size_t i = 0; i < n; i++) {
		widen(&widths.node, entries[i].drive.node);
		widen(&widths.size, size_text(entries[i].drive.size, size));
		widen(&widths.bus, entries[i].drive.bus);
		widen(&widths.model, model_of(&entries[i]));
	}
	return widths;
}

/* Below each disk's line, what it holds and why it is not written to, so that the lines stay
 * short. */
static void print_entries(const char *title, const struct entry *entries, size_t n, bool candidates)
{
	const struct widths widths = measure(entries, n);
	bool is_first = true;
	char size[SIZE_TEXT];

	for (size_t i = 0; i < n; i++) {
		const struct entry *entry = &entries[i];

		if ((entry->refusal.error == 0) != candidates)
			continue;
		if (is_first)
			puts(title);
		is_first = false;
		printf("  %-*s  %*s  %-*s  %s", widths.node, entry->drive.node, widths.size,
			size_text(entry->drive.size, size), widths.bus, entry->drive.bus,
			model_of(entry));
		if (entry->drive.serial[0])
			printf("%*s  serial %s", widths.model - (int)strlen(model_of(entry)), "",
				entry->drive.serial);
		putchar('\n');
		if (entry->holds[0])
			printf("  %-*s  %s\n", widths.node, "", entry->holds);
		if (!candidates)
			printf("  %-*s  %s: %s\n", widths.node, "", entry->refusal.reason,
				entry->refusal.way_out);
	}
}

int list_verb(struct deploy_run *run)
{
	autofree struct entry *entries = NULL;
	struct json_object *disks;
	size_t n = 0, n_candidates = 0;
	int r;

	r = read_entries(run, &entries, &n);
	if (r < 0)
		return r;
	disks = json_object_new_array();
	for (size_t i = 0; i < n; i++) {
		json_object_array_add(disks, entry_json(&entries[i]));
		n_candidates += entries[i].refusal.error == 0;
	}
	json_object_object_add(run->result, "disks", disks);
	if (run->options->json)
		return 0;
	if (n_candidates == 0)
		puts("There is no disk that can be written to: plug in a stick.");
	print_entries("Can be written to:", entries, n, true);
	if (n > n_candidates)
		print_entries("\nNot written to:", entries, n, false);
	return 0;
}
