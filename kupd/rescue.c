/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "rescue.h"

#include <string.h>

#include "base/log.h"
#include "base/size.h"
#include "base/util.h"
#include "bootmark.h"
#include "candidate/candidate.h"
#include "failures.h"
#include "plan.h"
#include "slots/format.h"
#include "stick/assessment.h"

/* A tree that was found without the head, and its sets. */
struct tree {
	struct pvd pvd;
	struct kernelset set;
	struct kernelset old; /* with has_old */
	bool has_old;
	bool is_proven; /* it has come up, according to the assessment */
};

int rescue_is_needed(const struct stick *stick)
{
	struct pvd pvd;
	int r;

	r = pvd_read(stick->disk, stick_kernel(stick), PVD_LBA, &pvd);
	return r == -ERR_FOREIGN || r == -ERR_DAMAGED ? 1 : r;
}

/* Is the tree of @pvd whole, and does it have the stick's label? 1, 0, or -errno: what could not be
 * examined must not be overwritten. */
static int read_tree(const struct kupd_run *run, const struct stick *stick, const struct pvd *pvd,
	struct tree *ret)
{
	cleanup(volume_closep) struct volume *volume = NULL;
	struct tree tree = {.pvd = *pvd};
	int r;

	if (strcmp(pvd->volume_id, stick->label) != 0)
		return 0;
	r = volume_open(stick->disk, stick_kernel(stick), pvd, &volume);
	if (r == 0)
		r = kernelset_read(volume, KERNELSET_CURRENT, &tree.set);
	if (r == 0)
		r = kernelset_verify(stick->disk, &tree.set, &run->observer);
	if (r < 0)
		return kernelset_is_lost(r) ? 0 : r;
	r = kernelset_read(volume, KERNELSET_PREVIOUS, &tree.old);
	if (r < 0 && !kernelset_is_lost(r))
		return r;
	tree.has_old = r == 0;
	*ret = tree;
	return 1;
}

static bool is_newer(const struct tree *a, const struct tree *b)
{
	if (a->has_old && kernelset_is_same(&a->old, &b->set))
		return true;
	if (b->has_old && kernelset_is_same(&b->old, &a->set))
		return false;
	return a->set.initrd.mtime > b->set.initrd.mtime;
}

static int find_trees(const struct kupd_run *run, const struct stick *stick,
	struct tree ret_trees[SLOT_TREES_MAX])
{
	struct pvd pvds[SLOT_TREES_MAX];
	int found, r, n = 0;

	found = slot_find_trees(stick->disk, stick_kernel(stick), pvds);
	for (int i = 0; i < found; i++) {
		r = read_tree(run, stick, &pvds[i], &ret_trees[n]);
		if (r < 0)
			return r;
		n += r;
	}
	return found < 0 ? found : n;
}

/*
 * Which tree was current? If one is marked as proven while another is on trial, use that one;
 * otherwise the newest, provided that the assessment marks the one before it as bootable, because
 * that is the state after an update. If not, the newest did not come up, was rolled back, or its
 * update was interrupted: the one before it is at least as good.
 */
static const struct tree *choose(const struct stick *stick, struct tree *trees, int n)
{
	struct tree *newest = &trees[0], *other = NULL;
	uint64_t size = stick_kernel(stick).size;
	char proven = assessment_proven_slot(stick);

	for (int i = 0; i < n; i++) {
		trees[i].is_proven = proven == slot_letter(slot_holding(size, &trees[i].pvd));
		if (trees[i].is_proven)
			return &trees[i];
	}

	for (int i = 1; i < n; i++) {
		if (kernelset_is_same(&trees[i].set, &newest->set))
			continue;
		other = &trees[i];
		if (is_newer(other, newest)) {
			other = newest;
			newest = &trees[i];
		}
	}
	if (other && stick->grubenv &&
		(assessment_tries(stick) == 0 || !assessment_has_previous(stick)))
		return other;
	return newest;
}

/* It is proven if nothing indicates otherwise. In doubt it gets a trial, which a `bless` will
 * end. */
static int assess(struct stick *stick, const struct tree *chosen)
{
	int tries = assessment_tries(stick);
	bool proven = assessment_has_previous(stick) || chosen->is_proven;

	if (assessment_has_previous(stick) && tries != 0 && chosen->has_old && !chosen->is_proven)
		return 0;
	return proven ? assessment_end_trial(stick, PREVIOUS_GONE)
		      : assessment_begin_trial(stick, PREVIOUS_GONE, 0);
}

int rescue_from_slots(struct kupd_run *run, struct stick *stick)
{
	struct tree trees[SLOT_TREES_MAX];
	const struct tree *chosen;
	int r;

	log_step("looking for kernel sets in the slots");
	r = find_trees(run, stick, trees);
	if (r == 0)
		return -ENOENT;
	if (r == -EINTR)
		return refuse(r, "interrupted: nothing was changed");
	if (r < 0)
		return report(r, "%s: cannot look for kernel sets in the slots", stick->name);
	chosen = choose(stick, trees, r);
	r = run_release_kernel(run, stick);
	if (r < 0)
		return r;
	run_add(run, "release", chosen->set.release);
	if (run->options->dry_run) {
		log_info("%s: would restore the volume descriptor, which makes %s current",
			stick->name, chosen->set.release);
		return 0;
	}
	run->changed = true;
	r = assessment_drop_once(stick);
	/* Before a trial begins which this boot must not end. */
	bootmark_set_written(run, stick);
	if (r == 0)
		r = assess(stick, chosen);
	if (r < 0)
		return r;
	r = slot_write_head(stick->disk, stick_kernel(stick), &chosen->pvd);
	if (r < 0)
		return run_failed(stick, "cannot restore the volume descriptor", r);
	run_refresh_kernel(run, stick);
	log_info("%s: restored the damaged volume descriptor, %s is current", stick->name,
		chosen->set.release);
	return 0;
}

/* The old UUID, if it can be found: 16 digits in @date. */
static const char *old_date(const struct stick *stick, char date[17])
{
	struct pvd trees[SLOT_TREES_MAX];
	size_t n = 0;
	int found;

	for (const char *at = stick->uuid; *at && n < 16; at++)
		if (*at >= '0' && *at <= '9')
			date[n++] = *at;
	date[n] = 0;
	found = n == 16 ? 0 : slot_find_trees(stick->disk, stick_kernel(stick), trees);
	for (int i = 0; i < found && n < 16; i++) {
		if (strcmp(trees[i].volume_id, stick->label) != 0)
			continue;
		pvd_date(&trees[i], date);
		n = 16;
	}
	return n == 16 ? date : NULL;
}

static int write_volume(
	struct kupd_run *run, struct stick *stick, const struct candidate *candidate)
{
	char date[17], needs[SIZE_TEXT];
	const struct format format = {
		.label = stick->label,
		.date = old_date(stick, date),
		.release = candidate->release,
		.kernel.path = candidate->kernel_path,
		.initrd.path = candidate->initrd_path,
		.kernel_sum = candidate->kernel_sum,
		.initrd_sum = candidate->initrd_sum,
		.no_verify = run->options->no_verify,
	};
	int r;

	run->changed = true;
	r = assessment_drop_once(stick);
	bootmark_set_written(run, stick);
	if (r == 0)
		r = assessment_begin_trial(stick, PREVIOUS_GONE, 0);
	if (r < 0)
		return r;
	log_step("recreating the volume, with %s", candidate->release);
	r = format_partition(stick->disk, stick_kernel(stick), &format, &run->observer);
	if (r == -EINTR)
		return refuse(r, "interrupted: %s has no kernel set, only the fallback boots",
			stick->name);
	if (r == -ERR_NO_ROOM)
		return refuse(r,
			"%s: the kernel set needs %s, slot A has less: deploy with a larger kernel "
			"partition",
			stick->name,
			size_text(candidate->kernel_size + candidate->initrd_size, needs));
	return r < 0 ? run_failed(stick, "cannot recreate the volume", r) : 0;
}

int rescue_with(struct kupd_run *run, const char *release, enum update_result *ret_result)
{
	cleanup(candidate_freep) struct candidate *candidate = NULL;
	cleanup(stick_closep) struct stick *stick = NULL;
	const struct kupd_options *options = run->options;
	const struct candidate_source source = {.root = options->root,
		.release = release,
		.kernel = options->kernel,
		.initrd = options->initrd};
	struct failures failed;
	int r;

	log_step("looking for the kernel set to write");
	r = candidate_find(&source, &candidate);
	if (r == 0)
		r = run_open_stick(
			run, STICK_BLANK_TOO | (options->dry_run ? 0 : STICK_WRITABLE), &stick);
	if (r == 0)
		r = candidate_digest(candidate, &run->observer);
	if (r == -EINTR)
		return refuse(r, "interrupted: nothing was changed");
	if (r < 0)
		return r;
	failures_read(run, &failed);
	if (failures_find(&failed, candidate->kernel_sum, candidate->initrd_sum)) {
		*ret_result = UPDATE_FAILED_BEFORE;
		return 0;
	}
	r = update_plan_check_candidate(run, stick, candidate);
	if (r == -EINTR)
		return refuse(r, "interrupted: nothing was changed");
	if (r == 0)
		r = run_release_kernel(run, stick);
	if (r < 0)
		return r;
	*ret_result = UPDATE_WRITTEN;
	run_add(run, "release", candidate->release);
	if (options->dry_run) {
		log_info("%s: would recreate the volume, with %s in slot A", stick->name,
			candidate->release);
		return 0;
	}
	r = write_volume(run, stick, candidate);
	if (r < 0)
		return r;
	run_refresh_kernel(run, stick);
	log_info("%s: recreated the volume, with %s in slot A: the next boot runs it", stick->name,
		candidate->release);
	return 0;
}
