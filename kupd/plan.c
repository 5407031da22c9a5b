/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "plan.h"

#include <string.h>

#include "base/log.h"
#include "base/size.h"
#include "base/util.h"
#include "failures.h"
#include "slots/settree.h"
#include "stick/assessment.h"
#include "stick/bootloader.h"

void update_plan_clear(struct update_plan *plan)
{
	/* The session reads from the volume until it is freed. */
	session_free(plan->session);
	volume_close(plan->volume);
	inventory_close(&plan->inventory);
	candidate_free(plan->candidate);
}

/*
 * Is the current set whole? A damaged one must not become the `.old` set that the menu falls back
 * to, and then the previous set must not be overwritten by the new one. One that cannot be read may
 * be readable next time: it is given up only on request. K10.
 */
static int check_current(const struct kupd_run *run, const struct stick *stick,
	struct update_plan *plan, bool tolerant)
{
	struct inventory *inventory = &plan->inventory;
	int r = inventory->is_unreadable ? -EIO : 0;

	log_step("comparing the current kernel set with its checksums");
	if (inventory->has_current)
		r = kernelset_verify(stick->disk, &inventory->current, &run->observer);
	if (r == 0 || r == -ERR_NO_SUMS)
		return 0;
	if (r != -ERR_VERIFY && !(r == -EIO && tolerant))
		return run_failed(stick,
			"cannot read the current kernel set, which repair or --force would give up",
			r);
	log_warning("%s: the current kernel set is %s", stick->name,
		r == -EIO ? "unreadable" : "damaged");
	inventory->has_current = false;
	return 0;
}

/* Is the candidate already current, byte for byte, and does GRUB find it? */
static int is_there_already(
	const struct stick *stick, const struct update_plan *plan, bool *ret_there)
{
	const struct kernelset *current = &plan->inventory.current;
	const struct candidate *candidate = plan->candidate;
	enum pvd_next next;
	int r;

	r = pvd_read_next(stick->disk, stick_kernel(stick), &next);
	if (r < 0)
		return run_failed(stick, "cannot read the volume descriptors", r);
	*ret_there = next == PVD_NEXT_TERMINATOR && plan->inventory.has_current &&
		     current->has_sums && strcmp(current->release, candidate->release) == 0 &&
		     strcmp(current->kernel_sum, candidate->kernel_sum) == 0 &&
		     strcmp(current->initrd_sum, candidate->initrd_sum) == 0;
	return 0;
}

/* Are these very files known not to come up? */
static bool has_failed_before(const struct kupd_run *run, const struct candidate *candidate)
{
	struct failures failed;

	failures_read(run, &failed);
	return failures_find(&failed, candidate->kernel_sum, candidate->initrd_sum);
}

/* This machine may not care, but the stick is meant for machines that do. */
static void warn_unsigned(const struct stick *stick, const struct candidate *candidate)
{
	if (candidate_is_signed(candidate) ||
		!bootloader_is_signed(stick->disk, stick->partitions[STICK_ESP]))
		return;
	log_warning("%s: is not signed: a computer with Secure Boot boots %s, but not this kernel: "
		    "use a signed one, or turn Secure Boot off there",
		candidate->kernel_path, disk_path(stick->disk));
}

int update_plan_check_candidate(
	const struct kupd_run *run, const struct stick *stick, const struct candidate *candidate)
{
	struct extent persistence = stick->partitions[STICK_PERSISTENCE];
	/* The default of cryptsetup. */
	struct luks luks = {.type = "LUKS2", .ciphers = {"aes-xts-plain64"}};
	bool encrypted;
	int r;

	r = persistence.size > 0 ? luks_read(stick->disk, persistence, &luks) : -ENOENT;
	/* Whether the initrd can open it would only turn out at the next boot: in doubt, require
	 * it. */
	encrypted = r != -ENOENT;
	if (encrypted && r < 0)
		log_warning(
			"%s: cannot find out how partition %d is encrypted, assuming the default "
			"cipher: %s",
			disk_path(stick->disk), STICK_PERSISTENCE, error_text(r));
	r = candidate_check(candidate, &run->host, encrypted ? &luks : NULL, &run->observer);
	if (r == 0)
		warn_unsigned(stick, candidate);
	if (r == -ERR_REFUSED && run->options->force) {
		log_warning("going on anyway because of --force");
		return 0;
	}
	return r;
}

/* If the current set is on trial or damaged, the one known to boot, if any, is the other: keep
 * it. */
static int update_plan_keep(const struct kupd_run *run, const struct stick *stick, bool tolerant,
	struct update_plan *plan)
{
	const struct inventory *inventory = &plan->inventory;
	const struct kernelset *keep = inventory_to_keep(inventory, stick);
	int r;

	if (inventory->is_other_unreadable && !tolerant &&
		(assessment_tries(stick) >= 0 || !inventory->has_current))
		return run_failed(stick,
			"cannot read the previous kernel set, which repair or --force would give "
			"up",
			-EIO);
	if (!keep)
		return 0;
	log_step("comparing the previous kernel set with its checksums");
	r = kernelset_verify(stick->disk, keep, &run->observer);
	/* A damaged one is not worth keeping: then the current set is the best one. */
	if (r == -ERR_VERIFY || (r == -EIO && run->options->force))
		return 0;
	if (r < 0 && r != -ERR_NO_SUMS)
		return run_failed(stick,
			"cannot read the previous kernel set, which --force would give up", r);
	plan->keep = keep;
	plan->keep_is_proven = !inventory_doubts_other(inventory, stick);
	return 0;
}

/* Is there another way: overwriting everything? */
static bool may_go_in_place(const struct kupd_run *run, const struct update_plan *plan)
{
	return run->options->in_place && !plan->in_place;
}

static int no_room(const struct kupd_run *run, const struct stick *stick,
	const struct update_plan *plan, uint64_t needed)
{
	uint64_t partition = stick_kernel(stick).size;
	struct slot whole = slot_get(partition, SLOT_WHOLE);
	char needs[SIZE_TEXT], has[SIZE_TEXT];

	if (may_go_in_place(run, plan))
		return -ERR_NO_ROOM;
	if (needed > slot_extent(stick_kernel(stick), &whole).size) {
		size_texts(needed, partition, needs, has);
		return refuse(-ERR_NO_ROOM,
			"%s: the kernel set needs %s, the partition has %s: deploy with a larger "
			"one",
			stick->name, needs, has);
	}
	size_texts(needed, (uint64_t)plan->slot.blocks * ISO_BLOCK, needs, has);
	return refuse(-ERR_NO_ROOM,
		"%s: the kernel set needs %s, slot %s has %s free: deploy with a larger kernel "
		"partition, or use --in-place",
		stick->name, needs, plan->slot.name, has);
}

/* Make the texts that an old stick's set lacks, for when it becomes the `.old` set. */
static int describe_base(const struct stick *stick, const struct kernelset *base,
	const struct observer *observer, char **ret_release, char **ret_sums)
{
	char kernel_sum[DIGEST_TEXT], initrd_sum[DIGEST_TEXT];
	int r = 0;

	if (!base->has_release)
		r = kernelset_release_text(base->release, ret_release);
	if (r == 0 && !base->has_sums) {
		r = kernelset_digest(stick->disk, base, observer, kernel_sum, initrd_sum);
		if (r == 0)
			r = kernelset_sums_text(base->release, kernel_sum, initrd_sum, ret_sums);
	}
	return r;
}

static int update_plan_session(
	const struct kupd_run *run, const struct stick *stick, struct update_plan *plan)
{
	const struct inventory *inventory = &plan->inventory;
	const struct candidate *candidate = plan->candidate;
	const struct pvd *pvd = plan->keep ? &inventory->other_pvd : &inventory->pvd;
	autofree char *release = NULL, *sums = NULL, *old_release = NULL, *old_sums = NULL;
	struct extent partition = stick_kernel(stick);
	struct settree content;
	struct kernelset own;
	enum slot_id other;
	int r;

	other = slot_other(slot_holding(partition.size, pvd));
	plan->base_is_proven =
		plan->keep ? plan->keep_is_proven : inventory_is_proven(inventory, stick);
	if (!plan->in_place && plan->keep)
		plan->base = plan->keep;
	else if (!plan->in_place && inventory->has_current)
		plan->base = &inventory->current;
	plan->slot = slot_get(partition.size, plan->in_place ? SLOT_WHOLE : other);
	if (plan->base && kernelset_touches(plan->base, slot_extent(partition, &plan->slot))) {
		if (may_go_in_place(run, plan))
			return -ERR_NO_ROOM;
		return refuse(-ERR_NO_ROOM,
			"%s: the current kernel set extends into slot %s: deploy with a larger "
			"kernel partition, or use --in-place",
			stick->name, plan->slot.name);
	}

	r = kernelset_release_text(candidate->release, &release);
	if (r == 0)
		r = kernelset_sums_text(
			candidate->release, candidate->kernel_sum, candidate->initrd_sum, &sums);
	if (r == 0)
		r = plan->base ? volume_open(stick->disk, partition, pvd, &plan->volume)
			       : volume_new_empty(stick->disk, partition, pvd, &plan->volume);
	/* What the continued tree itself has, not what another tree says about it as its `.old`
	 * set. */
	if (r == 0 && plan->base)
		r = kernelset_read(plan->volume, KERNELSET_CURRENT, &own);
	if (r == 0 && plan->base)
		r = describe_base(stick, &own, &run->observer, &old_release, &old_sums);
	if (r < 0)
		return r;
	content = (struct settree){
		.kernel.path = candidate->kernel_path,
		.initrd.path = candidate->initrd_path,
		.release = release,
		.sums = sums,
		.keep_current = plan->base != NULL,
		.old_release = old_release,
		.old_sums = old_sums,
	};
	r = settree_fill(plan->volume, &content);
	if (r == 0)
		r = session_new(plan->volume, plan->slot.start_lba, &plan->session);
	if (r < 0)
		return r;
	if (session_size(plan->session) > slot_extent(partition, &plan->slot).size)
		return no_room(run, stick, plan, session_size(plan->session));
	return 0;
}

/* Write next to what is there; overwrite it only if there is no room and the options allow it. */
static int update_plan_writing(const struct kupd_run *run, const struct stick *stick, bool tolerant,
	struct update_plan *plan)
{
	int r;

	log_step("planning the new session");
	r = update_plan_keep(run, stick, tolerant, plan);
	if (r < 0)
		return r;
	r = update_plan_session(run, stick, plan);
	if (r == -ERR_NO_ROOM && may_go_in_place(run, plan)) {
		session_free(steal_pointer(plan->session));
		volume_close(steal_pointer(plan->volume));
		plan->in_place = true;
		plan->keep = NULL;
		plan->base = NULL;
		r = update_plan_session(run, stick, plan);
	} else if (r == 0 && run->options->in_place) {
		log_info("%s: has room next to the current kernel set, which is kept", stick->name);
	}
	if (r < 0 && r != -ERR_NO_ROOM)
		return run_failed(stick, "cannot prepare the new session", r);
	return r;
}

int update_plan_make(const struct kupd_run *run, const struct stick *stick, bool tolerant,
	struct update_plan *plan, enum update_result *ret_result)
{
	enum update_result result = UPDATE_WRITTEN;
	bool there = false;
	int r;

	r = candidate_digest(plan->candidate, &run->observer);
	if (r == 0)
		r = check_current(run, stick, plan, tolerant || run->options->force);
	if (r == 0)
		r = is_there_already(stick, plan, &there);
	if (r < 0)
		return r;
	if (there)
		result = UPDATE_THERE_ALREADY;
	else if (has_failed_before(run, plan->candidate))
		result = UPDATE_FAILED_BEFORE;
	if (result != UPDATE_WRITTEN && !run->options->force) {
		*ret_result = result;
		return 0;
	}
	r = update_plan_check_candidate(run, stick, plan->candidate);
	if (r == 0)
		r = update_plan_writing(run, stick, tolerant || run->options->force, plan);
	if (r == 0)
		*ret_result = UPDATE_WRITTEN;
	return r;
}
