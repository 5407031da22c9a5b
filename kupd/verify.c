/* SPDX-License-Identifier: GPL-3.0-or-later */

#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "inventory.h"
#include "run.h"

#define LOCK_TIMEOUT_MS 2000

/* Is another program writing to the stick, or has one since we opened it? Then a difference means
 * nothing. Only asked if there is one: a writer must not have to wait for us. */
static bool is_being_written(const struct stick *stick, const struct pvd *before)
{
	struct pvd now;

	return disk_lock(stick->disk, LOCK_TIMEOUT_MS, NULL) == -ERR_BUSY ||
	       (pvd_read(stick->disk, stick_kernel(stick), PVD_LBA, &now) == 0 &&
		       memcmp(now.block, before->block, sizeof(now.block)) != 0);
}

static int verify_set(struct kupd_run *run, const struct stick *stick, const struct pvd *pvd,
	const struct kernelset *set, const char *which)
{
	char kernel_sum[DIGEST_TEXT], initrd_sum[DIGEST_TEXT];
	bool unchecked = false;
	const char *verdict;
	int r;

	log_step("comparing the %s kernel set with its checksums", which);
	r = kernelset_verify(stick->disk, set, &run->observer);
	if (r == -ERR_NO_SUMS) {
		/* An old stick's first set: there is nothing to compare with, but it can be read to
		 * the end. */
		r = kernelset_digest(stick->disk, set, &run->observer, kernel_sum, initrd_sum);
		unchecked = r == 0;
	}
	if (r == -EINTR)
		return refuse(r, "interrupted");
	if (r == -ERR_VERIFY && is_being_written(stick, pvd))
		return refuse(-ERR_BUSY,
			"%s: another program is writing to it: verify it again when that is done",
			stick->name);
	if (r == -ERR_VERIFY) {
		log_error("%s: the %s kernel set, %s, is damaged: its checksums differ",
			stick->name, which, set->release);
		verdict = "damaged";
	} else if (unchecked) {
		log_warning("%s: the %s kernel set, %s, has no checksums", stick->name, which,
			set->release);
		verdict = "no checksums";
	} else if (r < 0) {
		(void)report(r, "%s: cannot read the %s kernel set", stick->name, which);
		verdict = "unreadable";
	} else {
		log_info("%s: the %s kernel set, %s, is whole", stick->name, which, set->release);
		verdict = "whole";
	}
	run_add(run, which, verdict);
	return r;
}

int verify_verb(struct kupd_run *run)
{
	cleanup(inventory_close) struct inventory inventory = {0};
	cleanup(stick_closep) struct stick *stick = NULL;
	enum pvd_next next;
	int r, s = 0;

	r = inventory_open(run, false, &stick, &inventory);
	if (r < 0)
		return r;
	r = pvd_read_next(stick->disk, stick_kernel(stick), &next);
	if (r < 0)
		return report(r, "%s: cannot read the volume descriptors", stick->name);
	if (next == PVD_NEXT_DAMAGED)
		return refuse(-ERR_VERIFY,
			"%s: the volume descriptors have no terminator, GRUB does not read them: "
			"restore it with `livengkupd repair`",
			stick->name);
	if (!inventory.has_current)
		return refuse(-ERR_VERIFY, "%s: there is no whole kernel set", stick->name);
	run_add(run, "previous", NULL);
	r = verify_set(run, stick, &inventory.pvd, &inventory.current, "current");
	if (r != -EINTR && inventory.has_previous)
		s = verify_set(run, stick, &inventory.pvd, &inventory.previous, "previous");
	if (r != -EINTR && inventory.is_other_unreadable) {
		run_add(run, "previous", "unreadable");
		s = report(
			-EIO, "%s: cannot read the slot of the previous kernel set", stick->name);
	}
	return r < 0 ? r : s;
}
