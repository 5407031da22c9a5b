/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "rollback.h"

#include "base/log.h"
#include "base/util.h"
#include "bootmark.h"
#include "run.h"
#include "stick/assessment.h"
#include "system.h"

static int refuse_unreadable(const struct stick *stick)
{
	return report(-EIO, "%s: cannot read the slot of the previous kernel set", stick->name);
}

/* Is @set, the @which one, whole? */
static int check_set(const struct stick *stick, const struct kernelset *set, const char *which,
	const struct observer *observer)
{
	int r;

	log_step("comparing the %s kernel set with its checksums", which);
	r = kernelset_verify(stick->disk, set, observer);
	if (r == -ERR_NO_SUMS) {
		log_warning("%s: the %s kernel set, %s, has no checksums to compare", stick->name,
			which, set->release);
		return 0;
	}
	if (r == -ERR_VERIFY)
		return refuse(r, "%s: the %s kernel set, %s, is damaged", stick->name, which,
			set->release);
	if (r == -EINTR)
		return refuse(r, "interrupted: nothing was changed");
	if (r < 0)
		return report(r, "%s: cannot read the %s kernel set", stick->name, which);
	return 0;
}

int rollback_check(const struct stick *stick, const struct inventory *inventory,
	const struct observer *observer)
{
	if (inventory->has_previous)
		return check_set(stick, &inventory->previous, "previous", observer);
	if (inventory->is_other_unreadable)
		return refuse_unreadable(stick);
	if (inventory->has_undone)
		return refuse(-ERR_REFUSED,
			"%s: there is no previous kernel set to roll back to; --undo goes "
			"forward to %s again",
			stick->name, inventory->undone.release);
	return refuse(
		-ERR_REFUSED, "%s: there is no previous kernel set to roll back to", stick->name);
}

/* --undo is not just another rollback: running it twice must be harmless. */
static int check_undo(const struct stick *stick, const struct inventory *inventory,
	const struct observer *observer)
{
	if (inventory->has_undone)
		return check_set(stick, &inventory->undone, "undone", observer);
	if (inventory->is_other_unreadable)
		return refuse_unreadable(stick);
	return refuse(-ERR_REFUSED,
		"%s: there is no kernel set left by a rollback that could be undone", stick->name);
}

static int commit(struct stick *stick, const struct inventory *inventory)
{
	int r;

	/* A power cut right after an update's switch leaves the current tree without its
	 * descriptor.
	 */
	r = slot_preserve(stick->disk, stick_kernel(stick));
	/* If it is damaged, GRUB reads neither set. */
	if (r == 0)
		r = slot_terminate(stick->disk, stick_kernel(stick));
	if (r == 0)
		r = slot_commit(stick->disk, stick_kernel(stick), &inventory->other_pvd);
	if (r < 0)
		return report(r, "%s: cannot switch to the %s kernel set", stick->name,
			inventory->has_undone ? "undone" : "previous");
	return 0;
}

int rollback_prepare(const struct kupd_run *run, struct stick *stick,
	const struct inventory *inventory, bool on_trial)
{
	int tries = assessment_tries(stick);
	char proven = assessment_proven_slot(stick);

	if (on_trial && tries < 0)
		proven = slot_letter(inventory->slot);

	/* Before a trial begins which this boot must not end. */
	bootmark_set_written(run, stick);
	/* A trial with no boots left would go to the fallback: give it its boots again. The `.old`
	 * names of the tree that we switch to point into the slot of the one that we leave. */
	return tries == 0 || on_trial ? assessment_begin_trial(stick, PREVIOUS_GONE, proven)
				      : assessment_forget_previous(stick, proven);
}

int rollback_commit(struct stick *stick, const struct inventory *inventory, bool on_trial)
{
	int r;

	r = commit(stick, inventory);
	if (r == 0 && !on_trial)
		r = assessment_end_trial(stick, PREVIOUS_GONE);
	return r;
}

int rollback_switch(const struct kupd_run *run, struct stick *stick,
	const struct inventory *inventory, bool on_trial)
{
	int r;

	r = rollback_prepare(run, stick, inventory, on_trial);
	return r == 0 ? rollback_commit(stick, inventory, on_trial) : r;
}

/* Go forward again to the set that a rollback left (undone): @on_trial as after an update, else as
 * it was before that rollback. */
static int forward_switch(const struct kupd_run *run, struct stick *stick,
	const struct inventory *inventory, bool on_trial)
{
	/* Its `.old` set is the one that we leave. */
	enum assessment_previous previous =
		assessment_tries(stick) < 0 ? PREVIOUS_PROVEN : PREVIOUS_DOUBTED;
	int r;

	r = rollback_switch(run, stick, inventory, on_trial);
	if (r < 0)
		return r;
	return on_trial ? assessment_begin_trial(stick, previous, assessment_proven_slot(stick))
			: assessment_end_trial(stick, previous);
}

int rollback_verb(struct kupd_run *run)
{
	cleanup(inventory_close) struct inventory inventory = {0};
	cleanup(stick_closep) struct stick *stick = NULL;
	const struct kupd_options *options = run->options;
	const char *release;
	bool on_trial;
	int r;

	r = inventory_open(run, !options->dry_run, &stick, &inventory);
	if (r < 0)
		return r;
	if (options->undo)
		r = check_undo(stick, &inventory, &run->observer);
	else
		r = rollback_check(stick, &inventory, &run->observer);
	release = options->undo ? inventory.undone.release : inventory.previous.release;
	if (r == 0)
		r = system_check_modules(run, stick, release);
	if (r == 0)
		r = run_release_kernel(run, stick);
	if (r < 0)
		return r;

	run_add(run, "release", release);
	if (options->dry_run) {
		log_info("%s: would switch %s to %s", stick->name,
			options->undo ? "forward" : "back", release);
		return 0;
	}
	run->changed = true;
	r = assessment_drop_once(stick);
	if (r < 0)
		return r;
	on_trial = inventory_doubts_other(&inventory, stick);
	r = options->undo ? forward_switch(run, stick, &inventory, on_trial)
			  : rollback_switch(run, stick, &inventory, on_trial);
	if (r < 0)
		return r;
	run_refresh_kernel(run, stick);
	if (options->undo)
		log_info("%s: forward again: the next boot %s %s", stick->name,
			on_trial ? "tries" : "runs", release);
	else
		log_info("%s: the next boot runs %s again", stick->name, release);
	return 0;
}
