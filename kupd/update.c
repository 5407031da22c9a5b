/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The heart: a candidate becomes the current kernel set. The order of the steps keeps the stick
 * bootable: the `.old` names are marked as gone before their files are overwritten; the session is
 * written, flushed and read back; the trial begins; one sector switches to the new tree; only then
 * are its `.old` names marked as bootable, and the session gets its own descriptor, by which a
 * rollback can be undone. DESIGN.md numbers what has to hold: K1 and the following.
 */

#include <string.h>

#include "base/log.h"
#include "base/size.h"
#include "base/util.h"
#include "bootmark.h"
#include "candidate/installed.h"
#include "failures.h"
#include "packages.h"
#include "plan.h"
#include "rollback.h"
#include "stick/assessment.h"
#include "unwritten.h"

/* Read what the new descriptor points to, as the next boot will, and compare. */
static int verify_written(const struct kupd_run *run, const struct stick *stick,
	const struct update_plan *plan, const struct written *written)
{
	cleanup(volume_closep) struct volume *volume = NULL;
	const struct candidate *candidate = plan->candidate;
	struct kernelset set, old;
	int r;

	r = volume_open(stick->disk, stick_kernel(stick), &written->pvd, &volume);
	if (r == 0)
		r = kernelset_read(volume, KERNELSET_CURRENT, &set);
	if (r == 0 && plan->base)
		r = kernelset_read(volume, KERNELSET_PREVIOUS, &old);
	if (r == -ERR_DAMAGED || r == -ENOENT)
		return -ERR_VERIFY;
	if (r < 0)
		return r;
	/* Compare with the digests of what was checked, not of what was written: this detects a
	 * file that changed in between. */
	if (strcmp(set.release, candidate->release) != 0 ||
		strcmp(set.kernel_sum, candidate->kernel_sum) != 0 ||
		strcmp(set.initrd_sum, candidate->initrd_sum) != 0 ||
		(plan->base && !kernelset_is_same(&old, plan->base)))
		return -ERR_VERIFY;
	return slot_verify(stick->disk, written, &set, &run->observer);
}

/* Everything except the switch (K5). */
static int write_session(const struct kupd_run *run, struct stick *stick, struct update_plan *plan,
	struct pvd *ret_pvd)
{
	struct written written;
	char size[SIZE_TEXT];
	int r;

	log_step("writing %s, %s, into slot %s from block %u on", plan->candidate->release,
		size_text(session_size(plan->session), size), plan->slot.name,
		plan->slot.start_lba);
	if (plan->in_place)
		plan->outcome = OUTCOME_NONE;
	r = slot_write(stick->disk, stick_kernel(stick), &plan->slot, plan->session, &run->observer,
		&written);
	if (r < 0)
		return run_failed(stick, "cannot write the new kernel set", r);
	r = candidate_check_unchanged(plan->candidate);
	if (r < 0)
		return r;
	if (!run->options->no_verify) {
		log_step("reading it back");
		r = verify_written(run, stick, plan, &written);
		if (r < 0)
			return run_failed(stick, "the new kernel set fails verification", r);
	}
	if (!plan->in_place) {
		r = slot_preserve(stick->disk, stick_kernel(stick));
		if (r < 0)
			return run_failed(
				stick, "cannot write the current session's own descriptor", r);
	}
	*ret_pvd = written.pvd;
	return 0;
}

static const char *why_keep(const struct update_plan *plan)
{
	return plan->keep_is_proven ? "it is the proven one" : "neither of the two sets is proven";
}

/* Does grubenv send boots to what is about to be overwritten? */
static bool has_promise(const struct stick *stick, const struct inventory *inventory)
{
	if (assessment_has_previous(stick) || assessment_proven_slot(stick))
		return true;
	return (inventory->has_previous || inventory->is_other_unreadable) &&
	       assessment_previous(stick) != PREVIOUS_GONE;
}

/* The set to keep is in the other slot: make it current, so that this slot becomes free (K2). */
static int go_back_first(const struct kupd_run *run, struct stick *stick, struct update_plan *plan)
{
	const struct inventory *inventory = &plan->inventory;
	const bool on_trial = inventory_doubts_other(inventory, stick);
	int r;

	log_info(
		"%s: going back to %s first: %s", stick->name, plan->keep->release, why_keep(plan));
	r = rollback_prepare(run, stick, inventory, on_trial);
	if (r < 0)
		return r;
	plan->outcome = OUTCOME_EITHER;
	r = rollback_commit(stick, inventory, on_trial);
	if (r == 0)
		plan->outcome = OUTCOME_PREVIOUS;
	return r;
}

/* From now on no boot may take what is about to be overwritten for a whole set (K3). */
static int make_way(const struct kupd_run *run, struct stick *stick, struct update_plan *plan)
{
	int r;

	r = assessment_drop_once(stick);
	if (r < 0)
		return r;
	if (plan->in_place)
		return assessment_give_up(stick);
	if (plan->keep)
		return go_back_first(run, stick, plan);
	if (!has_promise(stick, &plan->inventory))
		return 0;
	return plan->base_is_proven ? assessment_end_trial(stick, PREVIOUS_GONE)
				    : assessment_forget_previous(stick, 0);
}

static int execute(const struct kupd_run *run, struct stick *stick, struct update_plan *plan)
{
	enum assessment_previous base = PREVIOUS_GONE;
	char proven = 0;
	struct pvd pvd;
	int r;

	r = make_way(run, stick, plan);
	if (r == 0)
		r = write_session(run, stick, plan, &pvd);
	if (r < 0)
		return r;
	r = slot_terminate(stick->disk, stick_kernel(stick));
	if (r < 0)
		return run_failed(
			stick, "cannot write the terminator of the volume descriptors", r);

	/* K12: this boot does not run the new set, so it must not end its trial. */
	bootmark_set_written(run, stick);
	if (plan->base && plan->base_is_proven)
		proven = slot_letter(
			plan->keep ? slot_other(plan->inventory.slot) : plan->inventory.slot);
	r = assessment_begin_trial(stick, PREVIOUS_GONE, proven); /* K6 */
	if (r < 0)
		return r;
	log_step("switching to it");
	plan->outcome = OUTCOME_EITHER;
	r = slot_commit(stick->disk, stick_kernel(stick), &pvd);
	if (r < 0)
		return run_failed(stick, "cannot switch to the new kernel set", r);
	plan->outcome = OUTCOME_NEW;
	/* Only now do the `.old` names point to a whole set. */
	if (plan->base)
		base = plan->base_is_proven ? PREVIOUS_PROVEN : PREVIOUS_DOUBTED;
	r = assessment_begin_trial(stick, base, proven);
	if (r < 0)
		return r;
	r = slot_describe(stick->disk, stick_kernel(stick), &plan->slot, &pvd);
	if (r < 0)
		return run_failed(stick, "cannot write the new session's own descriptor", r);

	run_refresh_kernel(run, stick);
	r = stick_check_identity(stick);
	if (r < 0)
		return run_failed(stick, "label or UUID changed", r);
	return 0;
}

/* Report what the stick boots now, after a failed step. */
static void tell_outcome(const struct stick *stick, const struct update_plan *plan, int error)
{
	const char *why = error == -EINTR ? "interrupted: " : "";
	const char *name = stick->name;

	switch (plan->outcome) {
	case OUTCOME_AS_BEFORE:
		log_error("%s%s boots what it booted before", why, name);
		break;
	case OUTCOME_PREVIOUS:
		log_error("%s%s boots %s%s", why, name, plan->keep->release,
			plan->keep_is_proven ? ", the proven set" : "");
		break;
	case OUTCOME_NONE:
		log_error("%s%s has no whole kernel set, only the fallback boots: update it again",
			why, name);
		break;
	case OUTCOME_EITHER:
		log_error("%s%s boots the old or the new kernel set, both are whole", why, name);
		break;
	case OUTCOME_NEW:
		log_error("%s%s: %s is current already", why, name, plan->candidate->release);
		break;
	}
}

static void tell_plan(const struct stick *stick, const struct update_plan *plan)
{
	char size[SIZE_TEXT];

	if (plan->keep)
		log_info("%s: would go back to %s first: %s", stick->name, plan->keep->release,
			why_keep(plan));
	log_info("%s: would write %s, %s, into slot %s%s%s", stick->name, plan->candidate->release,
		size_text(session_size(plan->session), size), plan->slot.name,
		plan->base	 ? ", and keep "
		: plan->in_place ? ", overwriting what is there"
				 : "",
		plan->base ? plan->base->release : "");
}

static void tell_there_already(const struct stick *stick, const struct update_plan *plan)
{
	const char *release = plan->candidate->release;

	if (assessment_tries(stick) == 0)
		log_warning(
			"%s: %s is there already but did not come up, so it is skipped: --force "
			"gives it another trial",
			stick->name, release);
	else
		log_info("%s: %s is there already, nothing to do", stick->name, release);
}

static void tell_failed_before(const struct kupd_run *run, const struct candidate *candidate)
{
	const struct failure *set;
	struct failures failed;

	failures_read(run, &failed);
	set = failures_find(&failed, candidate->kernel_sum, candidate->initrd_sum);
	log_warning("%s is not written again, it failed on %s: %s: install a newer or rebuilt "
		    "kernel, or use --force",
		candidate->release, set ? set->date : "-", set ? set->reason : "-");
}

/* Not having been told which kernel, the stick stays with the flavour that it has. */
static void tell_flavour(const char *root, const struct update_plan *plan)
{
	char newest[KERNEL_RELEASE_MAX];

	if (installed_newest(root, NULL, newest) == 0 &&
		installed_is_newer(newest, plan->candidate->release))
		log_info("%s is newer, but of another flavour than the stick has (%s): name it to "
			 "write it",
			newest, installed_flavour(plan->candidate->release));
}

int update_run(
	struct kupd_run *run, const char *release, bool tolerant, enum update_result *ret_result)
{
	cleanup(stick_closep) struct stick *stick = NULL;
	cleanup(update_plan_clear) struct update_plan plan = {0};
	const struct kupd_options *options = run->options;
	struct candidate_source source = {
		.root = options->root,
		.release = release,
		.kernel = options->kernel,
		.initrd = options->initrd,
	};
	enum update_result result;
	int r = 0;

	log_step("looking for the kernel set to write");
	if (!release && !options->kernel)
		r = inventory_open(run, !options->dry_run, &stick, &plan.inventory);
	if (r == 0 && plan.inventory.has_current)
		source.like = plan.inventory.current.release;
	if (r == 0)
		r = candidate_find(&source, &plan.candidate);
	if (r == 0 && stick)
		tell_flavour(options->root, &plan);
	else if (r == 0)
		r = inventory_open(run, !options->dry_run, &stick, &plan.inventory);
	if (r == 0)
		r = update_plan_make(run, stick, tolerant, &plan, &result);
	if (r == -EINTR)
		log_error("interrupted: nothing was changed");
	if (r < 0)
		return r;
	*ret_result = result;
	run_add(run, "release", plan.candidate->release);
	if (result == UPDATE_THERE_ALREADY)
		tell_there_already(stick, &plan);
	if (result == UPDATE_FAILED_BEFORE)
		tell_failed_before(run, plan.candidate);
	if (result != UPDATE_WRITTEN)
		return 0;
	run_add(run, "slot", plan.slot.name);
	r = run_release_kernel(run, stick);
	if (r < 0)
		return r;
	if (options->dry_run) {
		tell_plan(stick, &plan);
		return 0;
	}
	run->changed = true;
	r = execute(run, stick, &plan);
	if (r < 0) {
		tell_outcome(stick, &plan, r);
		return r;
	}
	/* A set that --force tries again no longer counts as failed. */
	failures_forget(run, plan.candidate->kernel_sum, plan.candidate->initrd_sum);
	unwritten_forget(run, plan.candidate->release);
	log_info("%s: wrote %s into slot %s: the next boot runs it", stick->name,
		plan.candidate->release, plan.slot.name);
	if (!stick->has_trials && stick->grubenv)
		log_info("%s: without a trial, which nothing would end here: livengkupd(8), A GOOD "
			 "BOOT",
			stick->name);
	return 0;
}

/* Of the release to be written, which was built before something that goes into it has changed. */
static int rebuild(const struct kupd_run *run)
{
	cleanup(inventory_close) struct inventory inventory = {0};
	cleanup(stick_closep) struct stick *stick = NULL;
	const char *release = run->options->release;
	autofree char *kernel = NULL;
	char newest[KERNEL_RELEASE_MAX];
	int r = inventory_open(run, false, &stick, &inventory);

	if (r < 0)
		return r;
	if (!release &&
		installed_newest_like(
			"", inventory.has_current ? inventory.current.release : NULL, newest) == 0)
		release = newest;
	kernel = release ? installed_kernel("", release) : NULL;
	if (!kernel)
		return refuse(-ENOENT, "there is no kernel %s in /boot", release ?: "at all");
	return packages_rebuild_initrd(release);
}

int update_verb(struct kupd_run *run)
{
	enum update_result result;
	int r = run->options->rebuild ? rebuild(run) : 0;

	return r < 0 ? r : update_run(run, run->options->release, false, &result);
}
