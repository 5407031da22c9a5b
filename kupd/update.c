/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The heart: a candidate becomes the current kernel set. The order of the steps is what keeps the
 * stick bootable; it is told in the design, "The switch".
 */

#include <string.h>

#include "assessment.h"
#include "candidate.h"
#include "inventory.h"
#include "log.h"
#include "marker.h"
#include "rollback.h"
#include "run.h"
#include "session.h"
#include "util.h"

/* What the stick boots, should the next step fail. */
enum outcome { OUTCOME_AS_BEFORE, OUTCOME_PREVIOUS, OUTCOME_NONE, OUTCOME_EITHER, OUTCOME_NEW };

/* What is to be done, decided before the first byte is written. */
struct plan {
	enum outcome outcome;
	struct candidate *candidate;
	struct inventory inventory;
	bool roll_back_first;	/* an unproven set makes room, the proven one stays */
	const struct set *base; /* becomes the `.old` set; NULL: none does */
	struct volume *volume;	/* the tree that the session continues; owned */
	struct slot slot;
	struct session *session; /* owned */
};

static void plan_clear(struct plan *plan)
{
	/* The session reads from the volume until it ends. */
	session_free(plan->session);
	volume_close(plan->volume);
	inventory_close(&plan->inventory);
	candidate_free(plan->candidate);
}

static unsigned int mib(uint64_t bytes)
{
	return (unsigned int)((bytes + MIB - 1) / MIB);
}

static int failed(const struct stick *stick, const char *step, int error)
{
	if (error == -EINTR)
		return error; /* told by the caller, who knows what it means */
	errno = -error;
	if (error == -ERR_VERIFY)
		log_error("%s: %s: what was read back differs: the medium may be failing",
			stick->name, step);
	else
		log_error("%s: %s: %m", stick->name, step);
	return error;
}

/*
 * Is the current set whole? A damaged one must not become the `.old` set that boots are sent to,
 * and the set before it must not make room for the new one. One that cannot be read may be whole
 * the next time: it is only given up by who asks for it.
 */
static int check_current(
	const struct run *run, const struct stick *stick, struct plan *plan, bool tolerant)
{
	struct inventory *inventory = &plan->inventory;
	int r = inventory->is_unreadable ? -EIO : 0;

	if (inventory->has_current)
		r = set_verify(stick->disk, &inventory->current, &run->observer);
	if (r == 0 || r == -ENOKEY)
		return 0;
	if (r != -ERR_VERIFY && !(r == -EIO && tolerant))
		return failed(stick,
			"cannot read the current kernel set, which repair or --force would give up",
			r);
	log_warning("%s: the current kernel set is %s", stick->name,
		r == -EIO ? "unreadable" : "damaged");
	inventory->has_current = false;
	return 0;
}

/* Is the candidate what is current already, byte for byte, and does GRUB find it? */
static int is_there_already(const struct stick *stick, const struct plan *plan, bool *ret_there)
{
	const struct set *current = &plan->inventory.current;
	const struct candidate *candidate = plan->candidate;
	enum pvd_next next;
	int r;

	r = pvd_read_next(stick->disk, stick_kernel(stick), &next);
	if (r < 0)
		return failed(stick, "cannot read the volume descriptors", r);
	*ret_there = next == PVD_NEXT_TERMINATOR && plan->inventory.has_current &&
		     current->has_sums && strcmp(current->release, candidate->release) == 0 &&
		     strcmp(current->kernel_sum, candidate->kernel_sum) == 0 &&
		     strcmp(current->initrd_sum, candidate->initrd_sum) == 0;
	return 0;
}

static int check_candidate(
	const struct run *run, const struct stick *stick, const struct candidate *candidate)
{
	struct extent persistence = stick->partitions[STICK_PERSISTENCE];
	struct luks luks;
	bool encrypted;
	int r;

	r = persistence.size > 0 ? luks_read(stick->disk, persistence, &luks) : -ENOENT;
	encrypted = r == 0;
	if (r < 0 && r != -ENOENT) {
		errno = -r;
		log_warning("%s: cannot tell how partition %d is encrypted: %m",
			disk_path(stick->disk), STICK_PERSISTENCE);
	}
	r = candidate_check(candidate, &run->host, encrypted ? &luks : NULL, &run->observer);
	if (r == -ERR_REFUSED && run->options->force) {
		log_warning("going on all the same, as --force says");
		return 0;
	}
	return r;
}

/* With a set on trial, or damaged, the proven one is the one before: it stays, the other makes
 * room. */
static int plan_roll_back(const struct run *run, const struct stick *stick, struct plan *plan)
{
	int r;

	if (run->options->in_place || !inventory_wants_previous(&plan->inventory, stick))
		return 0;
	r = set_verify(stick->disk, &plan->inventory.previous, &run->observer);
	/* A damaged one is not worth keeping: then the current set is the best there is. */
	if (r == -ERR_VERIFY || r == -ENOKEY || (r == -EIO && run->options->force))
		return 0;
	if (r < 0)
		return failed(stick,
			"cannot read the previous kernel set, which --force would give up", r);
	plan->roll_back_first = true;
	return 0;
}

static int no_room(const struct stick *stick, const struct plan *plan, uint64_t needed)
{
	uint64_t partition = stick_kernel(stick).size;
	struct slot whole = slot_get(partition, SLOT_WHOLE);

	if (needed > slot_extent(stick_kernel(stick), &whole).size)
		log_error(
			"%s: the kernel set needs %u MiB, the partition has %u MiB: deploy with a "
			"larger one",
			stick->name, mib(needed), mib(partition));
	else
		log_error("%s: the kernel set needs %u MiB, slot %s has %u MiB free: deploy with "
			  "a larger kernel partition, or use --in-place",
			stick->name, mib(needed), plan->slot.name,
			mib((uint64_t)plan->slot.blocks * ISO_BLOCK));
	return -ERR_NO_ROOM;
}

/* The texts that an old stick's set lacks and gets as `.old` set. */
static int describe_base(const struct stick *stick, const struct set *base,
	const struct observer *observer, char **ret_release, char **ret_sums)
{
	char kernel_sum[DIGEST_TEXT], initrd_sum[DIGEST_TEXT];
	int r = 0;

	if (!base->has_release)
		r = set_release_text(base->release, ret_release);
	if (r == 0 && !base->has_sums) {
		r = set_digest(stick->disk, base, observer, kernel_sum, initrd_sum);
		if (r == 0)
			r = set_sums_text(base->release, kernel_sum, initrd_sum, ret_sums);
	}
	return r;
}

static int plan_session(const struct run *run, const struct stick *stick, struct plan *plan)
{
	const struct inventory *inventory = &plan->inventory;
	const struct candidate *candidate = plan->candidate;
	const struct pvd *pvd = plan->roll_back_first ? &inventory->previous_pvd : &inventory->pvd;
	autofree char *release = NULL, *sums = NULL, *old_release = NULL, *old_sums = NULL;
	struct extent partition = stick_kernel(stick);
	struct session_content content;
	enum slot_id other;
	int r;

	other = slot_holding(partition.size, pvd) == SLOT_A ? SLOT_B : SLOT_A;
	if (!run->options->in_place && plan->roll_back_first)
		plan->base = &inventory->previous;
	else if (!run->options->in_place && inventory->has_current)
		plan->base = &inventory->current;
	plan->slot = slot_get(partition.size, run->options->in_place ? SLOT_WHOLE : other);
	if (plan->base && set_touches(plan->base, slot_extent(partition, &plan->slot))) {
		log_error(
			"%s: the current kernel set reaches into slot %s: deploy with a larger kernel "
			"partition, or use --in-place",
			stick->name, plan->slot.name);
		return -ERR_NO_ROOM;
	}

	r = set_release_text(candidate->release, &release);
	if (r == 0)
		r = set_sums_text(
			candidate->release, candidate->kernel_sum, candidate->initrd_sum, &sums);
	if (r == 0 && plan->base)
		r = describe_base(stick, plan->base, &run->observer, &old_release, &old_sums);
	if (r == 0)
		r = plan->base ? volume_open(stick->disk, partition, pvd, &plan->volume)
			       : volume_new_empty(stick->disk, partition, pvd, &plan->volume);
	if (r < 0)
		return r;
	content = (struct session_content){
		.kernel_path = candidate->kernel_path,
		.initrd_path = candidate->initrd_path,
		.release = release,
		.sums = sums,
		.keep_current = plan->base != NULL,
		.old_release = old_release,
		.old_sums = old_sums,
	};
	r = session_new(plan->volume, plan->slot.start_lba, &content, &plan->session);
	if (r < 0)
		return r;
	if (session_size(plan->session) > slot_extent(partition, &plan->slot).size)
		return no_room(stick, plan, session_size(plan->session));
	return 0;
}

/* Read what the new descriptor leads to, as the next boot will, and compare. */
static int verify_written(const struct run *run, const struct stick *stick, const struct plan *plan,
	const struct pvd *pvd)
{
	cleanup(volume_closep) struct volume *volume = NULL;
	const struct candidate *candidate = plan->candidate;
	struct set set, old;
	int r;

	r = volume_open(stick->disk, stick_kernel(stick), pvd, &volume);
	if (r == 0)
		r = set_read(volume, SET_CURRENT, &set);
	if (r == 0 && plan->base)
		r = set_read(volume, SET_PREVIOUS, &old);
	if (r == -EUCLEAN || r == -ENOENT)
		return -ERR_VERIFY;
	if (r < 0)
		return r;
	/* The digests of what was checked, not those that were written: a file that changed in
	 * between is found here. */
	if (strcmp(set.release, candidate->release) != 0 ||
		strcmp(set.kernel_sum, candidate->kernel_sum) != 0 ||
		strcmp(set.initrd_sum, candidate->initrd_sum) != 0 ||
		(plan->base && !set_is_same(&old, plan->base)))
		return -ERR_VERIFY;
	return set_verify(stick->disk, &set, &run->observer);
}

/* Steps 2 and 3: everything but the switch. */
static int write_session(
	const struct run *run, struct stick *stick, struct plan *plan, struct pvd *ret_pvd)
{
	int r;

	log_debug("writing %s, %u MiB, into slot %s from block %u on", plan->candidate->release,
		mib(session_size(plan->session)), plan->slot.name, plan->slot.start_lba);
	if (run->options->in_place)
		plan->outcome = OUTCOME_NONE;
	r = slot_write(stick->disk, stick_kernel(stick), &plan->slot, plan->session, &run->observer,
		ret_pvd);
	if (r < 0)
		return failed(stick, "cannot write the new kernel set", r);
	r = candidate_check_unchanged(plan->candidate);
	if (r < 0)
		return r;
	if (!run->options->no_verify) {
		log_debug("reading it back");
		r = verify_written(run, stick, plan, ret_pvd);
		if (r < 0)
			return failed(stick, "the new kernel set does not verify", r);
	}
	if (!run->options->in_place) {
		r = slot_preserve(stick->disk, stick_kernel(stick));
		if (r < 0)
			return failed(stick, "cannot keep the way back", r);
	}
	return 0;
}

/* Whatever is about to be overwritten, no boot may take it for a whole set from now on. */
static int make_way(const struct run *run, struct stick *stick, struct plan *plan)
{
	int r;

	if (run->options->in_place)
		return assessment_set(stick, 0, false); /* 0 boots left: the fallback */
	if (!plan->roll_back_first)
		return assessment_has_previous(stick)
			       ? assessment_set(stick, assessment_tries(stick), false)
			       : 0;
	log_info("%s: back to %s first, it is the proven one", stick->name,
		plan->inventory.previous.release);
	plan->outcome = OUTCOME_EITHER;
	r = rollback_switch(stick, &plan->inventory);
	if (r == 0)
		plan->outcome = OUTCOME_PREVIOUS;
	return r;
}

static int execute(const struct run *run, struct stick *stick, struct plan *plan)
{
	struct pvd pvd;
	int r;

	r = make_way(run, stick, plan);
	if (r == 0)
		r = write_session(run, stick, plan, &pvd);
	if (r < 0)
		return r;
	r = slot_terminate(stick->disk, stick_kernel(stick));
	if (r < 0)
		return failed(stick, "cannot end the volume descriptors", r);

	/* This boot is not one of the new set: it must not end its trial. */
	if (run->options->target == STICK_RUNNING)
		marker_set_written(run->host.root);
	r = assessment_set(stick, ASSESSMENT_TRIES, false);
	if (r < 0)
		return r;
	log_debug("switching to it");
	plan->outcome = OUTCOME_EITHER;
	r = slot_commit(stick->disk, stick_kernel(stick), &pvd);
	if (r < 0)
		return failed(stick, "cannot switch to the new kernel set", r);
	plan->outcome = OUTCOME_NEW;
	/* Only now the `.old` names lead to a whole set. */
	r = assessment_set(stick, ASSESSMENT_TRIES, plan->base != NULL);
	if (r < 0)
		return r;

	stick_refresh_cache(stick, &run->host);
	r = stick_check_identity(stick);
	if (r < 0)
		return failed(stick, "label or UUID changed", r);
	return 0;
}

/* After a failed step: what the stick boots now. */
static void tell_outcome(const struct stick *stick, const struct plan *plan, int error)
{
	const char *why = error == -EINTR ? "interrupted: " : "";
	const char *name = stick->name;

	switch (plan->outcome) {
	case OUTCOME_AS_BEFORE:
		log_error("%s%s boots what it booted before", why, name);
		break;
	case OUTCOME_PREVIOUS:
		log_error("%s%s boots %s, the proven set", why, name,
			plan->inventory.previous.release);
		break;
	case OUTCOME_NONE:
		log_error(
			"%s%s holds no whole kernel set, only the fallback boots: update it again",
			why, name);
		break;
	case OUTCOME_EITHER:
		log_error(
			"%s%s boots the old kernel set or the new one, both are whole", why, name);
		break;
	case OUTCOME_NEW:
		log_error("%s%s: %s is current already", why, name, plan->candidate->release);
		break;
	}
}

static void tell_plan(const struct run *run, const struct stick *stick, const struct plan *plan)
{
	log_info("%s: would write %s, %u MiB, into slot %s%s%s", stick->name,
		plan->candidate->release, mib(session_size(plan->session)), plan->slot.name,
		plan->base		 ? ", and keep "
		: run->options->in_place ? ", over the only set"
					 : "",
		plan->base ? plan->base->release : "");
}

static void tell_there_already(const struct stick *stick, const struct plan *plan)
{
	const char *release = plan->candidate->release;

	if (assessment_tries(stick) == 0)
		log_warning(
			"%s: %s is there already but did not come up, so it is passed over: --force "
			"gives it another trial",
			stick->name, release);
	else
		log_info("%s: %s is there already, nothing to do", stick->name, release);
}

static int make_plan(const struct run *run, struct stick *stick, struct plan *plan, bool tolerant,
	bool *ret_nothing_to_do)
{
	bool there = false;
	int r;

	r = inventory_read(stick, &plan->inventory);
	if (r == 0)
		r = candidate_digest(plan->candidate, &run->observer);
	if (r == 0)
		r = check_current(run, stick, plan, tolerant || run->options->force);
	if (r == 0)
		r = is_there_already(stick, plan, &there);
	if (r < 0)
		return r;
	*ret_nothing_to_do = there && !run->options->force;
	if (*ret_nothing_to_do)
		return 0;
	log_debug("checking %s and %s", plan->candidate->kernel_path, plan->candidate->initrd_path);
	r = check_candidate(run, stick, plan->candidate);
	if (r == 0)
		r = plan_roll_back(run, stick, plan);
	if (r < 0)
		return r;
	r = plan_session(run, stick, plan);
	if (r < 0 && r != -ERR_NO_ROOM)
		return failed(stick, "cannot prepare the new session", r);
	return r;
}

int update_run(struct run *run, const char *release, bool tolerant)
{
	cleanup(stick_closep) struct stick *stick = NULL;
	cleanup(plan_clear) struct plan plan = {0};
	const struct options *options = run->options;
	const struct candidate_source source = {
		.root = options->root,
		.release = release,
		.kernel = options->kernel,
		.initrd = options->initrd,
	};
	bool nothing_to_do;
	int r;

	r = candidate_find(&source, &plan.candidate);
	if (r == 0)
		r = run_open_stick(run, !options->dry_run, &stick);
	if (r == 0)
		r = make_plan(run, stick, &plan, tolerant, &nothing_to_do);
	if (r == -EINTR)
		log_error("interrupted: nothing was changed");
	if (r < 0)
		return r;
	run_add(run, "release", plan.candidate->release);
	if (nothing_to_do) {
		tell_there_already(stick, &plan);
		return 0;
	}
	run_add(run, "slot", plan.slot.name);
	r = stick_release_mounts(stick, &run->host, options->dry_run);
	if (r < 0)
		return r;
	if (options->dry_run) {
		tell_plan(run, stick, &plan);
		return 0;
	}
	r = execute(run, stick, &plan);
	if (r < 0) {
		tell_outcome(stick, &plan, r);
		return r;
	}
	log_info("%s: wrote %s into slot %s: the next boot runs it", stick->name,
		plan.candidate->release, plan.slot.name);
	return 0;
}

int update_verb(struct run *run)
{
	return update_run(run, run->options->release, false);
}
