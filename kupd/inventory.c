/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "inventory.h"

#include "base/log.h"
#include "base/util.h"
#include "bootmark.h"
#include "stick/assessment.h"

static bool is_damage(int error)
{
	return error == -ENOENT || error == -ERR_DAMAGED || error == -ERR_FOREIGN ||
	       error == -ERR_TOO_LARGE;
}

/*
 * Find out which set the other slot's own tree has. The current tree's `.old` names tell where the
 * previous set was when the current one was written: it still exists if that tree has the same
 * files. If it is the other way round, the current set is the one that was rolled back to. Without
 * a current set, that tree is all there is: anyone who rolls back to it verifies its checksums
 * first.
 */
static int read_other(const struct volume *other, struct inventory *inventory)
{
	struct kernelset own, old;
	int r;

	r = kernelset_read(other, KERNELSET_CURRENT, &own);
	if (r < 0)
		return r;
	if (!inventory->has_current) {
		inventory->previous = own;
		inventory->has_previous = true;
		return 0;
	}
	r = kernelset_read(inventory->volume, KERNELSET_PREVIOUS, &old);
	if (r == 0 && kernelset_is_same(&own, &old)) {
		inventory->previous = old;
		inventory->has_previous = true;
		return 0;
	}
	if (r == 0 || is_damage(r))
		r = kernelset_read(other, KERNELSET_PREVIOUS, &old);
	if (r == 0 && kernelset_is_same(&inventory->current, &old)) {
		inventory->undone = own;
		inventory->has_undone = true;
	}
	return r;
}

static int find_other(const struct stick *stick, struct inventory *inventory)
{
	cleanup(volume_closep) struct volume *volume = NULL;
	struct extent partition = stick_kernel(stick);
	int r;

	r = slot_previous(stick->disk, partition, &inventory->other_pvd);
	if (r == 0)
		r = volume_open(stick->disk, partition, &inventory->other_pvd, &volume);
	if (r == 0)
		r = read_other(volume, inventory);
	/* If it is damaged, there is none. If reading failed, it may still be the proven set.
	 * Anything that does not need it can go on. */
	inventory->is_other_unreadable = r == -EIO;
	if (r == -EIO)
		log_warning("%s: the slot of the previous kernel set is unreadable", stick->name);
	return r == -EIO || is_damage(r) ? 0 : r;
}

static int find_current(const struct stick *stick, struct inventory *inventory)
{
	int r;

	r = volume_open(stick->disk, stick_kernel(stick), &inventory->pvd, &inventory->volume);
	if (r == 0)
		r = kernelset_read(inventory->volume, KERNELSET_CURRENT, &inventory->current);
	inventory->has_current = r == 0;
	inventory->is_unreadable = r == -EIO;
	if (r == -EIO || is_damage(r)) {
		log_warning("%s: the current kernel set is %s", stick->name,
			r == -ENOENT ? "not there"
			: r == -EIO  ? "unreadable"
				     : "damaged");
		return 0;
	}
	return r;
}

int inventory_read(const struct stick *stick, struct inventory *ret_inventory)
{
	cleanup(inventory_close) struct inventory inventory = {0};
	struct extent partition = stick_kernel(stick);
	int r;

	log_step("reading the kernel partition");
	r = pvd_read(stick->disk, partition, PVD_LBA, &inventory.pvd);
	if (r == -ERR_DAMAGED || r == -ERR_FOREIGN)
		return refuse(-ERR_VERIFY, "%s: the volume descriptor is damaged", stick->name);
	if (r == 0) {
		inventory.slot = slot_holding(partition.size, &inventory.pvd);
		r = find_current(stick, &inventory);
	}
	if (r == 0)
		r = find_other(stick, &inventory);
	if (r < 0)
		return report(r, "%s: cannot read the kernel partition", stick->name);
	*ret_inventory = inventory;
	inventory.volume = NULL;
	return 0;
}

int inventory_open(const struct kupd_run *run, bool writable, struct stick **ret_stick,
	struct inventory *ret_inventory)
{
	cleanup(stick_closep) struct stick *stick = NULL;
	int r;

	r = run_open_stick(run, writable ? STICK_WRITABLE : 0, &stick);
	if (r == 0)
		r = inventory_read(stick, ret_inventory);
	if (r < 0)
		return r;
	ret_inventory->is_unseen = !stick->has_trials && bootmark_is_written(run->host.root);
	*ret_stick = steal_pointer(stick);
	return 0;
}

const struct kernelset *inventory_other(const struct inventory *inventory)
{
	return inventory->has_previous ? &inventory->previous
	       : inventory->has_undone ? &inventory->undone
				       : NULL;
}

/* Does the assessment name that slot as holding a proven set? */
static bool is_named(const struct stick *stick, enum slot_id slot)
{
	return assessment_proven_slot(stick) == slot_letter(slot);
}

bool inventory_is_proven(const struct inventory *inventory, const struct stick *stick)
{
	return assessment_tries(stick) < 0 || is_named(stick, inventory->slot);
}

bool inventory_doubts_other(const struct inventory *inventory, const struct stick *stick)
{
	return stick->grubenv && !is_named(stick, slot_other(inventory->slot)) &&
	       (inventory->has_undone || !assessment_has_previous(stick));
}

const struct kernelset *inventory_to_keep(
	const struct inventory *inventory, const struct stick *stick)
{
	if (!inventory->has_current || is_named(stick, slot_other(inventory->slot)) ||
		(inventory->has_previous &&
			(inventory->is_unseen || !inventory_is_proven(inventory, stick))))
		return inventory_other(inventory);
	return NULL;
}

void inventory_close(struct inventory *inventory)
{
	volume_close(inventory->volume);
	inventory->volume = NULL;
}
