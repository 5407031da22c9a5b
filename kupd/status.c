/* SPDX-License-Identifier: GPL-3.0-or-later */

#include <string.h>
#include <time.h>

#include "assessment.h"
#include "candidate.h"
#include "inventory.h"
#include "log.h"
#include "marker.h"
#include "run.h"
#include "util.h"

/* One line of the table, and the same for JSON. */
static void tell(struct run *run, const char *name, const char *key, const char *value)
{
	if (!run->options->json)
		printf("%-11s %s\n", name, value);
	run_add(run, key, value);
}

static void tell_set(
	struct run *run, const char *name, const struct set *set, const struct stick *stick)
{
	struct extent slot_b;
	struct json_object *object;
	const char *slot;
	char date[32] = "";
	char text[512];
	struct slot b = slot_get(stick_kernel(stick).size, SLOT_B);
	struct tm tm;

	slot_b = slot_extent(stick_kernel(stick), &b);
	slot = set->kernel.extent.start >= slot_b.start ? "B" : "A";
	if (localtime_r(&set->initrd.mtime, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M", &tm);
	snprintf(text, sizeof(text), "%s  (slot %s, %.1f MiB, %s%s)", set->release, slot,
		(double)set_size(set) / MIB, date, set->has_sums ? "" : ", no checksums");
	if (!run->options->json) {
		printf("%-11s %s\n", name, text);
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

static void tell_assessment(struct run *run, const struct stick *stick)
{
	int tries = assessment_tries(stick);
	char text[128];

	if (!stick->grubenv && !stick->is_whole)
		snprintf(text, sizeof(text), "off: only the kernel partition was named");
	else if (!stick->grubenv && stick->grubenv_damaged)
		snprintf(text, sizeof(text), "off: %s on partition %d is damaged", GRUBENV_PATH,
			STICK_ESP);
	else if (!stick->grubenv)
		snprintf(text, sizeof(text), "off: there is no %s on partition %d", GRUBENV_PATH,
			STICK_ESP);
	else if (tries > 0)
		snprintf(text, sizeof(text), "the current set is on trial, %d boot%s left", tries,
			tries == 1 ? "" : "s");
	else if (tries == 0)
		snprintf(text, sizeof(text),
			"the current set did not come up, next boot takes the %s",
			assessment_has_previous(stick) ? "previous" : "fallback");
	else
		snprintf(text, sizeof(text), "the current set is proven");
	tell(run, "assessment", "assessment", text);
	json_object_object_add(run->result, "tries",
		stick->grubenv && tries >= 0 ? json_object_new_int(tries) : NULL);
}

static void tell_next(struct run *run, const struct stick *stick, const struct inventory *inventory)
{
	const char *slot = inventory->slot == SLOT_A ? "B" : "A";
	char release[KERNEL_RELEASE_MAX];
	char text[256];

	if (inventory_wants_previous(inventory, stick))
		slot = inventory->slot == SLOT_A ? "A" : "B";
	if (candidate_newest(run->options->root, NULL, release) < 0)
		snprintf(text, sizeof(text), "slot %s (no kernel in %s/boot)", slot,
			run->options->root);
	else if (inventory->has_current && strcmp(release, inventory->current.release) == 0)
		snprintf(text, sizeof(text),
			"slot %s (the newest installed release, %s, is current)", slot, release);
	else
		snprintf(text, sizeof(text), "slot %s, with %s", slot, release);
	tell(run, "next", "next", text);
}

static void tell_room(struct run *run, const struct stick *stick)
{
	uint64_t size = stick_kernel(stick).size;
	struct slot a = slot_get(size, SLOT_A);
	struct slot b = slot_get(size, SLOT_B);
	char text[128];

	snprintf(text, sizeof(text), "slot A %.1f MiB, slot B %.1f MiB",
		(double)a.blocks * ISO_BLOCK / MIB, (double)b.blocks * ISO_BLOCK / MIB);
	if (!run->options->json) {
		printf("%-11s %s\n", "room", text);
		return;
	}
	json_object_object_add(
		run->result, "slot_a_bytes", json_object_new_int64((int64_t)a.blocks * ISO_BLOCK));
	json_object_object_add(
		run->result, "slot_b_bytes", json_object_new_int64((int64_t)b.blocks * ISO_BLOCK));
}

int status_verb(struct run *run)
{
	cleanup(inventory_close) struct inventory inventory = {0};
	cleanup(stick_closep) struct stick *stick = NULL;
	char failed[256];
	int r;

	r = run_open_stick(run, false, &stick);
	if (r == 0)
		r = inventory_read(stick, &inventory);
	if (r < 0)
		return r;

	tell(run, "device", "device", stick->name);
	tell(run, "label", "label", stick->label);
	tell(run, "UUID", "uuid", stick->uuid);
	tell_room(run, stick);
	if (inventory.has_current)
		tell_set(run, "current", &inventory.current, stick);
	else
		tell(run, "current", "current", "none, or damaged");
	if (inventory.has_previous)
		tell_set(run, "previous", &inventory.previous, stick);
	else if (!run->options->json)
		printf("%-11s %s\n", "previous", "none");
	tell_assessment(run, stick);
	/* What failed is known of the stick that the system, this one or the named one, runs from.
	 */
	if ((run->options->target == STICK_RUNNING || run->options->root[0]) &&
		marker_get_failed(run->options->root, failed, sizeof(failed)) == 0)
		tell(run, "failed", "failed", failed);
	tell_next(run, stick, &inventory);
	return 0;
}
