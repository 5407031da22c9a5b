/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * After a successful boot: the set that it ran is proven. liveng-bless.service runs this.
 */

#include "base/log.h"
#include "base/util.h"
#include "bootmark.h"
#include "failures.h"
#include "inventory.h"
#include "rollback.h"
#include "run.h"
#include "stick/assessment.h"

/* What a boot of the previous set says about the current one. */
enum verdict {
	VERDICT_NONE,	/* the user chose the other one, or a read failed that may work next time */
	VERDICT_FAILED, /* it used up all its boots */
	VERDICT_DAMAGED, /* it could not even be loaded, which is not the kernel's fault */
};

static int judge(const struct kupd_run *run, const struct stick *stick,
	const struct inventory *inventory, enum verdict *ret_verdict)
{
	bool given_up = assessment_tries(stick) == 0;
	int r = inventory->is_unreadable ? -EIO : -ERR_VERIFY;

	log_step("comparing the current kernel set with its checksums");
	if (inventory->has_current)
		r = kernelset_verify(stick->disk, &inventory->current, &run->observer);
	if (r == -EINTR)
		return refuse(r, "interrupted: nothing was changed");
	if (r == -ERR_VERIFY || (given_up && r < 0 && r != -ERR_NO_SUMS))
		*ret_verdict = VERDICT_DAMAGED;
	else
		*ret_verdict = given_up ? VERDICT_FAILED : VERDICT_NONE;
	return 0;
}

/* Roll back from the set that did not come up to the one that did (K11). */
static int take_previous(struct kupd_run *run, struct stick *stick, struct inventory *inventory,
	enum verdict verdict)
{
	const char *what = verdict == VERDICT_FAILED ? "did not come up" : "is damaged";
	const char *failed =
		inventory->has_current ? inventory->current.release : "the current set";
	int r;

	r = rollback_check(stick, inventory, &run->observer);
	if (r == 0)
		r = run_release_kernel(run, stick);
	if (r < 0)
		return r;
	run_add(run, "release", inventory->previous.release);
	run_add(run, "failed", failed);
	if (run->options->dry_run) {
		log_info("%s: would make %s current again: %s %s", stick->name,
			inventory->previous.release, failed, what);
		return 0;
	}
	/* Record the failure first: after a power cut following the switch, the set must not come
	 * back. */
	if (verdict == VERDICT_FAILED)
		failures_note(run, &inventory->current, "it did not come up, the previous set did");
	run->changed = true;
	r = rollback_switch(run, stick, inventory, false);
	if (r < 0)
		return r;
	run_refresh_kernel(run, stick);
	log_warning("%s %s: %s is current again", failed, what, inventory->previous.release);
	return 0;
}

/* End the trial. */
static int end_trial(struct kupd_run *run, struct stick *stick, const struct inventory *inventory)
{
	enum assessment_previous previous = PREVIOUS_GONE;
	int r;

	if (!inventory->has_current)
		return refuse(
			-ERR_VERIFY, "%s: there is no whole kernel set to bless", stick->name);
	run_add(run, "release", inventory->current.release);
	if (assessment_tries(stick) < 0) {
		log_info("%s: %s is not on trial, nothing to do", stick->name,
			inventory->current.release);
		return 0;
	}
	if (run->options->dry_run) {
		log_info("%s: would end the trial of %s", stick->name, inventory->current.release);
		return 0;
	}
	run->changed = true;
	/* This boot does not show whether the `.old` set ever came up. */
	if (inventory->is_other_unreadable)
		previous = assessment_previous(stick);
	else if (inventory->has_previous)
		previous = assessment_has_previous(stick) ? PREVIOUS_PROVEN : PREVIOUS_DOUBTED;
	r = assessment_end_trial(stick, previous);
	if (r < 0)
		return r;
	/* Older failures no longer matter now; keep those of newer sets. */
	failures_forget_older(run, inventory->current.release);
	/* Nobody watched a stick named by hand boot. */
	log_info("%s: %s %s", stick->name, inventory->current.release,
		run->options->target == STICK_RUNNING ? "came up and is proven"
						      : "is marked as proven");
	return 0;
}

/*
 * The menu takes the previous set when the current one has used up its boots or could not be
 * loaded; users may also choose it, for whatever reason.
 */
static int bless_previous(struct kupd_run *run, struct stick *stick, struct inventory *inventory)
{
	enum verdict verdict = VERDICT_NONE;
	int r;

	r = judge(run, stick, inventory, &verdict);
	if (r < 0)
		return r;
	if (verdict != VERDICT_NONE)
		return take_previous(run, stick, inventory, verdict);
	log_info("%s: the previous set was chosen for this boot, which says nothing about the "
		 "current one",
		stick->name);
	return 0;
}

int bless_verb(struct kupd_run *run)
{
	cleanup(inventory_close) struct inventory inventory = {0};
	cleanup(stick_closep) struct stick *stick = NULL;
	const struct kupd_options *options = run->options;
	enum host_boot boot = options->booted;
	int r = 0;

	/* This machine's boot says nothing about a stick named by hand. */
	if (options->target == STICK_RUNNING)
		r = host_boot(&run->host, &boot);
	if (r < 0)
		return report(r, "cannot find out how the system was booted");
	if (boot == HOST_BOOT_OTHER || boot == HOST_BOOT_FALLBACK) {
		log_info("this boot ran no set from a kernel partition, nothing to do");
		return 0;
	}
	/* This runs once per boot: wait for a running update, or this boot would not count. */
	r = run_open_stick(run, options->dry_run ? 0 : STICK_WRITABLE | STICK_PATIENT, &stick);
	if (r < 0)
		return r;
	if (options->target == STICK_RUNNING && bootmark_is_written(run->host.root)) {
		log_info("a kernel set has been written during this boot: its trial continues");
		return 0;
	}
	r = inventory_read(stick, &inventory);
	if (r < 0)
		return r;
	return boot == HOST_BOOT_PREVIOUS ? bless_previous(run, stick, &inventory)
					  : end_trial(run, stick, &inventory);
}
