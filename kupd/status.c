/* SPDX-License-Identifier: GPL-3.0-or-later */

#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "base/size.h"
#include "base/text.h"
#include "base/util.h"
#include "candidate/installed.h"
#include "disk/luks.h"
#include "failures.h"
#include "inventory.h"
#include "iso/session.h"
#include "run.h"
#include "statussystem.h"
#include "stick/assessment.h"
#include "system.h"
#include "unwritten.h"

/* Print one line of the table, or add the same to the JSON. */
static void tell(struct kupd_run *run, const char *name, const char *key, const char *value)
{
	if (!run->options->json) {
		printf("%-11s ", name);
		text_print(stdout, value);
		putchar('\n');
	}
	run_add(run, key, value);
}

static void tell_set(struct kupd_run *run, const char *name, const struct kernelset *set,
	const struct stick *stick)
{
	struct slot b = slot_get(stick_kernel(stick).size, SLOT_B);
	struct extent slot_b = slot_extent(stick_kernel(stick), &b);
	const char *slot = set->kernel.extent.start >= slot_b.start ? "B" : "A";
	struct json_object *object;
	const bool has_modules = system_has_modules(run, set->release);
	char date[32] = "", size[SIZE_TEXT];
	struct tm tm;

	if (!run->options->json) {
		if (localtime_r(&set->initrd.mtime, &tm))
			strftime(date, sizeof(date), "%Y-%m-%d %H:%M", &tm);
		printf("%-11s %s  (slot %s, %s, %s%s%s)\n", name, set->release, slot,
			size_text(kernelset_size(set), size), date,
			set->has_sums ? "" : ", no checksums",
			has_modules ? "" : ", its modules are gone");
		return;
	}
	object = json_object_new_object();
	json_object_object_add(object, "release", json_object_new_string(set->release));
	json_object_object_add(object, "slot", json_object_new_string(slot));
	json_object_object_add(
		object, "bytes", json_object_new_int64((int64_t)kernelset_size(set)));
	json_object_object_add(object, "date", json_object_new_int64(set->initrd.mtime));
	json_object_object_add(object, "has_checksums", json_object_new_boolean(set->has_sums));
	json_object_object_add(object, "has_modules",
		run_knows_system(run) ? json_object_new_boolean(has_modules) : NULL);
	json_object_object_add(run->result, name, object);
}

/* A set that may not exist; then the table shows @none, or with NULL omits the line. */
static void tell_any_set(struct kupd_run *run, const char *name, bool is_there,
	const struct kernelset *set, const struct stick *stick, const char *none)
{
	if (is_there) {
		tell_set(run, name, set, stick);
		return;
	}
	if (none && !run->options->json)
		printf("%-11s %s\n", name, none);
	run_add(run, name, NULL);
}

/* What the fallback boots: on another computer nobody knows. */
static void tell_factory(struct kupd_run *run)
{
	char release[KERNEL_RELEASE_MAX];
	struct json_object *object;
	bool has_modules;

	if (system_factory_release(run, release) < 0) {
		run_add(run, "factory", NULL);
		return;
	}
	has_modules = system_has_modules(run, release);
	if (!run->options->json)
		printf("%-11s %s%s\n", "factory", release,
			has_modules ? "" : "  (its modules are gone)");
	object = json_object_new_object();
	json_object_object_add(object, "release", json_object_new_string(release));
	json_object_object_add(object, "has_modules", json_object_new_boolean(has_modules));
	json_object_object_add(run->result, "factory", object);
}

static void tell_assessment(
	struct kupd_run *run, const struct stick *stick, const struct inventory *inventory)
{
	int tries = assessment_tries(stick);
	const char *state = "off";
	char text[128];

	if (!stick->grubenv && !stick->is_whole) {
		snprintf(text, sizeof(text), "off: only the kernel partition was given");
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
			"the current set did not come up, the next boot takes the %s",
			assessment_has_previous(stick) ? "previous" : "fallback");
	} else {
		state = "proven";
		snprintf(text, sizeof(text), "the current set is proven%s",
			stick->has_trials ? "" : "; a new one gets no trial, nothing would end it");
	}
	tell(run, "assessment", "assessment", text);
	run_add(run, "assessment_state", state);
	json_object_object_add(
		run->result, "has_trials", json_object_new_boolean(stick->has_trials));
	if (assessment_once(stick))
		tell(run, "once", "once", assessment_once(stick));
	else
		run_add(run, "once", NULL);
	json_object_object_add(run->result, "tries",
		stick->grubenv && tries >= 0 ? json_object_new_int(tries) : NULL);
}

static void tell_failed(struct kupd_run *run)
{
	struct json_object *list = json_object_new_array();
	struct failures failed;

	failures_read(run, &failed);
	for (size_t i = 0; i < failed.n; i++) {
		const struct failure *set = &failed.sets[i];
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

/* What the hooks could not have written. */
static void tell_refused(struct kupd_run *run)
{
	struct json_object *object;
	struct unwritten unwritten;

	if (!unwritten_read(run, &unwritten)) {
		run_add(run, "refused", NULL);
		return;
	}
	if (!run->options->json)
		printf("%-11s %s  (%s)\n", "refused", unwritten.release, unwritten.reason);
	object = json_object_new_object();
	json_object_object_add(object, "release", json_object_new_string(unwritten.release));
	json_object_object_add(object, "reason", json_object_new_string(unwritten.reason));
	json_object_object_add(run->result, "refused", object);
}

/* What boots now, if that is from this stick. */
static void tell_running(struct kupd_run *run)
{
	static const char *const entries[] = {[HOST_BOOT_OTHER] = "other",
		[HOST_BOOT_STANDARD] = "standard",
		[HOST_BOOT_PREVIOUS] = "previous",
		[HOST_BOOT_FALLBACK] = "fallback"};
	enum host_boot boot = HOST_BOOT_OTHER;
	struct json_object *object;
	struct utsname running;

	if (run->options->target != STICK_RUNNING || uname(&running) < 0 ||
		host_boot(&run->host, &boot) < 0) {
		run_add(run, "running", NULL);
		return;
	}
	if (!run->options->json)
		printf("%-11s %s  (entry %s)\n", "running", running.release, entries[boot]);
	object = json_object_new_object();
	json_object_object_add(object, "release", json_object_new_string(running.release));
	json_object_object_add(object, "entry", json_object_new_string(entries[boot]));
	json_object_object_add(run->result, "running", object);
}

static void tell_encryption(struct kupd_run *run, const struct stick *stick)
{
	const struct extent persistence = stick->partitions[STICK_PERSISTENCE];
	struct luks luks;
	int r = persistence.size > 0 ? luks_read(stick->disk, persistence, &luks) : -ENODEV;

	tell(run, "persistence", "persistence",
		r == 0	       ? "encrypted"
		: r == -ENOENT ? "not encrypted"
		: r == -ENODEV ? "none"
			       : "unreadable");
}

static bool has_sizes_of(
	const struct kernelset *set, const struct stat *kernel, const struct stat *initrd)
{
	return set->kernel.extent.size == (uint64_t)kernel->st_size &&
	       set->initrd.extent.size == (uint64_t)initrd->st_size;
}

static bool has_room(const struct stick *stick, const struct slot *slot,
	const struct kernelset *base, uint64_t needed)
{
	const struct extent place = slot_extent(stick_kernel(stick), slot);

	return needed <= place.size && !(base && kernelset_touches(base, place));
}

/* Describe, in @text of @size bytes, what an update without arguments would do, judging by names,
 * sizes and dates of the installed files: no set is read. Returns the same as a word for
 * programs. */
static const char *describe_update(struct kupd_run *run, const struct stick *stick,
	const struct inventory *inventory, char *text, size_t size)
{
	const struct kernelset *keep = inventory_to_keep(inventory, stick);
	const struct slot slot = slot_get(
		stick_kernel(stick).size, keep ? inventory->slot : slot_other(inventory->slot));
	const struct kernelset *current = inventory->has_current ? &inventory->current : NULL;
	const struct kernelset *base = keep ? keep : current;
	const char *root = run->options->root, *rebuilt = "";
	char needs[SIZE_TEXT];
	char release[KERNEL_RELEASE_MAX];
	struct stat kernel, initrd;
	uint64_t needed;

	if (installed_newest_like(root, current ? current->release : NULL, release) < 0) {
		run_add(run, "newest", NULL);
		/* With --disk or --partition, /boot here is not the stick's own. */
		if (run->options->target != STICK_RUNNING && !root[0])
			snprintf(text, size,
				"slot %s (this computer has no kernel in /boot: name another "
				"system with --root)",
				slot.name);
		else
			snprintf(text, size, "slot %s (no kernel in %s/boot)", slot.name, root);
		return "no-kernel";
	}
	run_add(run, "newest", release);
	if (installed_look(root, release, &kernel, &initrd) < 0) {
		snprintf(text, size, "slot %s (%s has no initrd)", slot.name, release);
		return "no-initrd";
	}
	if (current && strcmp(release, current->release) == 0) {
		if (has_sizes_of(current, &kernel, &initrd)) {
			snprintf(text, size,
				"slot %s (the newest installed release, %s, is current%s)",
				slot.name, release,
				current->initrd.mtime == initrd.st_mtime
					? ""
					: ", unless rebuilt to the same size");
			return "current";
		}
		rebuilt = ", rebuilt";
	}
	needed = (uint64_t)kernel.st_size + (uint64_t)initrd.st_size + SESSION_OVERHEAD;
	if (has_room(stick, &slot, base, needed)) {
		snprintf(text, size, "slot %s, with %s%s", slot.name, release, rebuilt);
		return "write";
	}
	snprintf(text, size, "no room in slot %s for %s%s, %s", slot.name, release, rebuilt,
		size_text(needed, needs));
	return "no-room";
}

static void tell_update(
	struct kupd_run *run, const struct stick *stick, const struct inventory *inventory)
{
	const char *state;
	char text[256];

	state = describe_update(run, stick, inventory, text, sizeof(text));
	tell(run, "update", "update", text);
	run_add(run, "update_state", state);
}

static void tell_room(struct kupd_run *run, const struct stick *stick)
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

/* For a login message: what the user would not know otherwise; nothing if there is no news. */
static void tell_news(
	const struct kupd_run *run, const struct stick *stick, const struct inventory *inventory)
{
	const char *current = inventory->has_current ? inventory->current.release : NULL;
	autofree char *held = system_held_kernels(run);
	enum host_boot boot = HOST_BOOT_OTHER;
	struct unwritten unwritten;
	struct failures failed;

	if (held && *held)
		printf("apt does not upgrade kernel packages on hold: sudo apt-mark unhold %s\n",
			held);
	if (unwritten_read(run, &unwritten))
		printf("The stick has not got %s %s: %s\n",
			current && strcmp(current, unwritten.release) == 0 ? "a new initrd of"
									   : "the kernel",
			unwritten.release, unwritten.reason);
	if (run->options->target == STICK_RUNNING)
		(void)host_boot(&run->host, &boot);
	failures_read(run, &failed);
	for (size_t i = 0; i < failed.n; i++)
		printf("The kernel %s did not come up (%s). A newer one will be tried.\n",
			failed.sets[i].release, failed.sets[i].date);
	if (boot == HOST_BOOT_FALLBACK)
		puts("This is the fallback boot, with the kernel that the stick was made with.");
	if (boot != HOST_BOOT_FALLBACK && failed.n == 0)
		return;
	if (!current || (boot == HOST_BOOT_FALLBACK && assessment_tries(stick) == 0))
		puts("No other kernel is left: install one with apt; see livengkupd status.");
	else
		printf("The next boot takes %s; see livengkupd status.\n", current);
}

static void tell_all(
	struct kupd_run *run, const struct stick *stick, const struct inventory *inventory)
{
	tell(run, "device", "device", stick->name);
	tell(run, "label", "label", stick->label);
	tell(run, "UUID", "uuid", stick->uuid);
	tell_room(run, stick);
	tell_running(run);
	tell_any_set(run, "current", inventory->has_current, &inventory->current, stick,
		"none, or damaged");
	tell_any_set(run, "previous", inventory->has_previous, &inventory->previous, stick,
		inventory->is_other_unreadable ? "unreadable" : "none");
	tell_any_set(run, "undone", inventory->has_undone, &inventory->undone, stick, NULL);
	tell_factory(run);
	tell_assessment(run, stick, inventory);
	tell_encryption(run, stick);
	tell_failed(run);
	tell_refused(run);
	status_tell_system(run, inventory);
	tell_update(run, stick, inventory);
}

int status_verb(struct kupd_run *run)
{
	cleanup(inventory_close) struct inventory inventory = {0};
	cleanup(stick_closep) struct stick *stick = NULL;
	int r;

	r = inventory_open(run, false, &stick, &inventory);
	if (r < 0)
		return r;
	if (run->options->is_short && !run->options->json)
		tell_news(run, stick, &inventory);
	else
		tell_all(run, stick, &inventory);
	return 0;
}
