/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Bring the kernel partition back to a whole set that boots, with what the system has: first
 * whatever takes only one sector, then what dpkg left undone, then writing the newest good set
 * again. All offline. liveng-repair.service runs this after a fallback boot.
 */

#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "candidate/installed.h"
#include "failures.h"
#include "inventory.h"
#include "packages.h"
#include "rescue.h"
#include "rollback.h"
#include "run.h"
#include "stick/assessment.h"

enum state {
	STATE_WHOLE,
	STATE_DAMAGED,	/* the current set, or its tree */
	STATE_FAILED,	/* whole, but it has used up all its boots */
	STATE_HEADLESS, /* no descriptor points to any set */
};

/* Nothing more can be read without a head. */
static int diagnose(const struct kupd_run *run, const struct stick *stick,
	struct inventory *inventory, enum state *ret_state)
{
	int r;

	r = rescue_is_needed(stick);
	if (r > 0)
		*ret_state = STATE_HEADLESS;
	if (r == 0)
		r = inventory_read(stick, inventory);
	else if (r < 0)
		return run_failed(stick, "cannot read the volume descriptor", r);
	if (r != 0)
		return r < 0 ? r : 0;
	*ret_state = STATE_DAMAGED;
	if (!inventory->has_current)
		return 0;
	log_step("comparing the current kernel set with its checksums");
	r = kernelset_verify(stick->disk, &inventory->current, &run->observer);
	if (r == -EINTR)
		return refuse(r, "interrupted: nothing was changed");
	if (r == 0 || r == -ERR_NO_SUMS)
		*ret_state = assessment_tries(stick) == 0 ? STATE_FAILED : STATE_WHOLE;
	else if (!kernelset_is_lost(r))
		return run_failed(stick, "cannot read the current kernel set", r);
	return 0;
}

/*
 * Go back to the previous set, or forward again to the one that a rollback left (undone), if it is
 * whole and not known to fail. It gets a trial unless the boot assessment marks it as proven: the
 * menu may have tried it already.
 */
static int go_back(struct kupd_run *run, struct stick *stick, const struct inventory *inventory,
	bool *ret_done)
{
	const struct kernelset *other = inventory_other(inventory);
	bool on_trial = inventory_doubts_other(inventory, stick);
	struct failures failed;
	int r;

	failures_read(run, &failed);
	if (!other || failures_find(&failed, other->kernel_sum, other->initrd_sum))
		return 0;
	log_step("comparing %s with its checksums", other->release);
	r = kernelset_verify(stick->disk, other, &run->observer);
	if (r == -ERR_VERIFY || r == -EIO) {
		log_warning("%s: the %s kernel set, %s, is %s", stick->name,
			inventory->has_undone ? "undone" : "previous", other->release,
			r == -EIO ? "unreadable" : "damaged");
		return 0;
	}
	if (r == 0 || r == -ERR_NO_SUMS)
		r = run_release_kernel(run, stick);
	if (r < 0)
		return r;
	*ret_done = true;
	run_add(run, "release", other->release);
	if (run->options->dry_run) {
		log_info("%s: would go back to %s", stick->name, other->release);
		return 0;
	}
	run->changed = true;
	r = assessment_drop_once(stick);
	if (r == 0)
		r = rollback_switch(run, stick, inventory, on_trial);
	if (r < 0)
		return r;
	run_refresh_kernel(run, stick);
	log_info("%s: back to %s: the next boot runs it", stick->name, other->release);
	return 0;
}

/* The set is whole but useless: without a terminator after the descriptors GRUB reads no set at
 * all. */
static int end_descriptors(
	struct kupd_run *run, struct stick *stick, const struct inventory *inventory)
{
	const char *release = inventory->current.release;
	enum pvd_next next;
	int r;

	r = pvd_read_next(stick->disk, stick_kernel(stick), &next);
	if (r == 0 && next != PVD_NEXT_DAMAGED)
		return 0;
	if (r < 0)
		return run_failed(stick, "cannot read the volume descriptors", r);
	r = run_release_kernel(run, stick);
	if (r < 0)
		return r;
	run_add(run, "release", release);
	if (run->options->dry_run) {
		log_info("%s: would restore the terminator of the volume descriptors, without "
			 "which GRUB does not read %s",
			stick->name, release);
		return 0;
	}
	run->changed = true;
	r = slot_terminate(stick->disk, stick_kernel(stick));
	if (r < 0)
		return run_failed(
			stick, "cannot write the terminator of the volume descriptors", r);
	run_refresh_kernel(run, stick);
	log_info("%s: restored the missing terminator of the volume descriptors, GRUB reads %s "
		 "again",
		stick->name, release);
	return 0;
}

/* Whatever takes only one sector: restore the head, or go back from a set that did not come up.
 * WHOLE then also means that it has become whole, or with --dry-run would. */
static int repair_at_once(struct kupd_run *run, enum state *ret_state)
{
	const unsigned int flags =
		STICK_BLANK_TOO | (run->options->dry_run ? 0u : (unsigned int)STICK_WRITABLE);
	cleanup(inventory_close) struct inventory inventory = {0};
	cleanup(stick_closep) struct stick *stick = NULL;
	enum state state = STATE_WHOLE;
	bool done = false;
	int r;

	r = run_open_stick(run, flags, &stick);
	if (r == 0)
		r = diagnose(run, stick, &inventory, &state);
	if (r == 0 && state == STATE_HEADLESS) {
		r = rescue_from_slots(run, stick);
		if (r == 0)
			state = STATE_WHOLE;
		/* It may still be one that did not come up. */
		if (r == 0 && !run->options->dry_run)
			r = diagnose(run, stick, &inventory, &state);
		if (r == -ENOENT)
			r = 0;
	}
	if (r < 0)
		return r;
	if (state == STATE_WHOLE && inventory.has_current) {
		r = end_descriptors(run, stick, &inventory);
	} else if (state == STATE_FAILED) {
		log_info("%s: %s did not come up", stick->name, inventory.current.release);
		if (!run->options->dry_run)
			failures_note(run, &inventory.current, "it did not come up");
		r = go_back(run, stick, &inventory, &done);
	}
	if (r == 0)
		*ret_state = done ? STATE_WHOLE : state;
	return r;
}

static int write_release(
	struct kupd_run *run, enum state state, const char *release, enum update_result *ret_result)
{
	return state == STATE_HEADLESS ? rescue_with(run, release, ret_result)
				       : update_run(run, release, true, ret_result);
}

/* Write the set given by the options; otherwise the newest installed one that passes the checks and
 * is not known to fail. -ENOENT: none. */
static int write_set(struct kupd_run *run, enum state state)
{
	char release[KERNEL_RELEASE_MAX], older[KERNEL_RELEASE_MAX] = "";
	enum update_result result = UPDATE_FAILED_BEFORE;
	int r;

	if (run->options->kernel || run->options->initrd) {
		r = write_release(run, state, NULL, &result);
		return r == 0 && result != UPDATE_WRITTEN ? -ENOENT : r;
	}
	while (installed_newest(run->options->root, older[0] ? older : NULL, release) == 0) {
		packages_build_initrd(run, release);
		r = write_release(run, state, release, &result);
		if (r < 0 && r != -ERR_REFUSED)
			return r;
		if (r == 0 && result == UPDATE_WRITTEN)
			return 0;
		memcpy(older, release, sizeof(older));
	}
	return -ENOENT;
}

/* Nothing can be written: the previous set is better than none. */
static int last_resort(struct kupd_run *run)
{
	cleanup(inventory_close) struct inventory inventory = {0};
	cleanup(stick_closep) struct stick *stick = NULL;
	bool done = false;
	int r;

	r = inventory_open(run, !run->options->dry_run, &stick, &inventory);
	if (r == 0)
		r = go_back(run, stick, &inventory, &done);
	return r == 0 && !done ? -ENOENT : r;
}

int repair_verb(struct kupd_run *run)
{
	const struct kupd_options *options = run->options;
	const bool is_named = options->kernel || options->initrd;
	enum state state;
	bool acted;
	int r;

	r = packages_check_idle(run);
	if (r == 0)
		r = repair_at_once(run, &state);
	if (r < 0)
		return r;
	/* Our hooks, run by dpkg, may have written a set: look again. */
	if (packages_finish(run)) {
		r = repair_at_once(run, &state);
		if (r < 0)
			return r;
	}
	if (state != STATE_WHOLE) {
		r = write_set(run, state);
		if (r == -ENOENT && state == STATE_DAMAGED)
			r = last_resort(run);
	}
	if (r == -ENOENT && is_named)
		return refuse(-ERR_REFUSED,
			"the given kernel set did not come up before: choose another one");
	if (r == -ENOENT)
		return refuse(-ERR_REFUSED,
			"%s/boot has no kernel that can be written: install another one with "
			"apt, or name another system with --root, or files with --kernel and "
			"--initrd",
			options->root);
	if (r < 0)
		return r;
	acted = run->changed || json_object_object_get(run->result, "release");
	if (!acted)
		log_info("the current kernel set is whole, nothing to repair");
	else if (run->changed && options->target == STICK_RUNNING)
		log_info("reboot to run it");
	return 0;
}
