/* SPDX-License-Identifier: GPL-3.0-or-later */

#include <string.h>
#include <time.h>

#include "stick/assessment.h"
#include "failures.h"
#include "inventory.h"
#include "base/log.h"
#include "outlook.h"
#include "run.h"
#include "base/size.h"
#include "base/text.h"
#include "base/util.h"

/* One line of the table, and the same for JSON. */
static void tell(struct run *run, const char *name, const char *key, const char *value)
{
	if (!run->options->json) {
		printf("%-11s ", name);
		text_print(stdout, value);
		putchar('\n');
	}
	run_add(run, key, value);
}

static void tell_set(
	struct run *run, const char *name, const struct set *set, const struct stick *stick)
{
	struct slot b = slot_get(stick_kernel(stick).size, SLOT_B);
	struct extent slot_b = slot_extent(stick_kernel(stick), &b);
	const char *slot = set->kernel.extent.start >= slot_b.start ? "B" : "A";
	struct json_object *object;
	char date[32] = "", size[SIZE_TEXT];
	struct tm tm;

	if (!run->options->json) {
		if (localtime_r(&set->initrd.mtime, &tm))
			strftime(date, sizeof(date), "%Y-%m-%d %H:%M", &tm);
		printf("%-11s %s  (slot %s, %s, %s%s)\n", name, set->release, slot,
			size_text(set_size(set), size), date,
			set->has_sums ? "" : ", no checksums");
		return;
	}
	object = json_object_new_object();
	json_object_object_add(object, "release", json_object_new_string(set->release));
	json_object_object_add(object, "slot", json_object_new_string(slot));
	json_object_object_add(object, "bytes", json_object_new_int64((int64_t)set_size(set)));
	json_object_object_add(object, "date", json_object_new_int64(set->initrd.mtime));
	json_object_object_add(object, "has_checksums", json_object_new_boolean(set->has_sums));
	json_object_object_add(run->result, name, object);
}

/* A set that may not be there; @none is what the table then says, NULL: it leaves the line out. */
static void tell_any_set(struct run *run, const char *name, bool is_there, const struct set *set,
	const struct stick *stick, const char *none)
{
	if (is_there) {
		tell_set(run, name, set, stick);
		return;
	}
	if (none && !run->options->json)
		printf("%-11s %s\n", name, none);
	run_add(run, name, NULL);
}

static void tell_assessment(
	struct run *run, const struct stick *stick, const struct inventory *inventory)
{
	int tries = assessment_tries(stick);
	const char *state = "off";
	char text[128];

	if (!stick->grubenv && !stick->is_whole) {
		snprintf(text, sizeof(text), "off: only the kernel partition was named");
	} else if (!stick->grubenv && stick->grubenv_damaged) {
		snprintf(text, sizeof(text), "off: %s on partition %d is damaged", GRUBENV_PATH,
			STICK_ESP);
	} else if (!stick->grubenv) {
		snprintf(text, sizeof(text), "off: there is no %s on partition %d", GRUBENV_PATH,
			STICK_ESP);
	} else if (tries != 0 && !inventory->has_current) {
		state = "none";
		snprintf(text, sizeof(text), "there is no current set to assess");
	} else if (tries > 0) {
		state = "trial";
		snprintf(text, sizeof(text), "the current set is on trial, %d boot%s left", tries,
			tries == 1 ? "" : "s");
	} else if (tries == 0) {
		state = "failed";
		snprintf(text, sizeof(text),
			"the current set did not come up, next boot takes the %s",
			assessment_has_previous(stick) ? "previous" : "fallback");
	} else {
		state = "proven";
		snprintf(text, sizeof(text), "the current set is proven");
	}
	tell(run, "assessment", "assessment", text);
	run_add(run, "assessment_state", state);
	if (assessment_once(stick))
		tell(run, "once", "once", assessment_once(stick));
	else
		run_add(run, "once", NULL);
	json_object_object_add(run->result, "tries",
		stick->grubenv && tries >= 0 ? json_object_new_int(tries) : NULL);
}

static void tell_failed(struct run *run)
{
	struct json_object *list = json_object_new_array();
	struct failed failed;

	failed_read(run, &failed);
	for (size_t i = 0; i < failed.n; i++) {
		const struct failed_set *set = &failed.sets[i];
		struct json_object *object = json_object_new_object();

		if (!run->options->json)
			printf("%-11s %s  (%s: %s)\n", "failed", set->release, set->date,
				set->reason);
		json_object_object_add(object, "release", json_object_new_string(set->release));
		json_object_object_add(object, "date", json_object_new_string(set->date));
		json_object_object_add(object, "reason", json_object_new_string(set->reason));
		json_object_array_add(list, object);
	}
	json_object_object_add(run->result, "failed", list);
}

static void tell_update(
	struct run *run, const struct stick *stick, const struct inventory *inventory)
{
	const char *state;
	char text[256];

	state = outlook_describe(run, stick, inventory, text, sizeof(text));
	tell(run, "update", "update", text);
	run_add(run, "update_state", state);
}

static void tell_room(struct run *run, const struct stick *stick)
{
	uint64_t size = stick_kernel(stick).size;
	struct slot a = slot_get(size, SLOT_A);
	struct slot b = slot_get(size, SLOT_B);
	char text[128], size_a[SIZE_TEXT], size_b[SIZE_TEXT];

	snprintf(text, sizeof(text), "slot A %s, slot B %s",
		size_text((uint64_t)a.blocks * ISO_BLOCK, size_a),
		size_text((uint64_t)b.blocks * ISO_BLOCK, size_b));
	if (!run->options->json) {
		printf("%-11s %s\n", "room", text);
		return;
	}
	json_object_object_add(
		run->result, "slot_a_bytes", json_object_new_int64((int64_t)a.blocks * ISO_BLOCK));
	json_object_object_add(
		run->result, "slot_b_bytes", json_object_new_int64((int64_t)b.blocks * ISO_BLOCK));
}

/* For a login message: what the user would not know otherwise, and nothing if there is no news. */
static void tell_news(
	const struct run *run, const struct stick *stick, const struct inventory *inventory)
{
	const char *current = inventory->has_current ? inventory->current.release : NULL;
	enum host_boot boot = HOST_BOOT_OTHER;
	struct failed failed;

	if (run->options->target == STICK_RUNNING)
		(void)host_boot(&run->host, &boot);
	failed_read(run, &failed);
	for (size_t i = 0; i < failed.n; i++)
		printf("The kernel %s did not come up (%s). A newer one will be tried.\n",
			failed.sets[i].release, failed.sets[i].date);
	if (boot == HOST_BOOT_FALLBACK)
		puts("This is the fallback boot, with the kernel that the stick was made with.");
	if (boot != HOST_BOOT_FALLBACK && failed.n == 0)
		return;
	if (!current || (boot == HOST_BOOT_FALLBACK && assessment_tries(stick) == 0))
		puts("No other one is left: install one with apt; see livengkupd status.");
	else
		printf("The next boot takes %s; see livengkupd status.\n", current);
}

int status_verb(struct run *run)
{
	cleanup(inventory_close) struct inventory inventory = {0};
	cleanup(stick_closep) struct stick *stick = NULL;
	int r;

	r = inventory_open(run, false, &stick, &inventory);
	if (r < 0)
		return r;
	if (run->options->is_short && !run->options->json) {
		tell_news(run, stick, &inventory);
		return 0;
	}

	tell(run, "device", "device", stick->name);
	tell(run, "label", "label", stick->label);
	tell(run, "UUID", "uuid", stick->uuid);
	tell_room(run, stick);
	tell_any_set(run, "current", inventory.has_current, &inventory.current, stick,
		"none, or damaged");
	tell_any_set(run, "previous", inventory.has_previous, &inventory.previous, stick,
		inventory.is_other_unreadable ? "unreadable" : "none");
	tell_any_set(run, "undone", inventory.has_undone, &inventory.undone, stick, NULL);
	tell_assessment(run, stick, &inventory);
	tell_failed(run);
	tell_update(run, stick, &inventory);
	return 0;
}
