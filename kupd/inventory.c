/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "inventory.h"
#include "assessment.h"

#include "log.h"
#include "util.h"

static bool is_damage(int error)
{
	return error == -ENOENT || error == -EUCLEAN || error == -EMEDIUMTYPE || error == -EFBIG;
}

/*
 * The names with `.old` say where the previous set lay when the current one was written. It is
 * there still only if the other slot's own tree has the same files. Without a current set that tree
 * is all there is: whoever goes back to it compares its checksums first.
 */
static int find_previous(const struct stick *stick, struct inventory *inventory)
{
	cleanup(volume_closep) struct volume *volume = NULL;
	struct extent partition = stick_kernel(stick);
	struct set own;
	int r = 0;

	if (inventory->has_current)
		r = set_read(inventory->volume, SET_PREVIOUS, &inventory->previous);
	if (r == 0)
		r = slot_previous(stick->disk, partition, &inventory->previous_pvd);
	if (r == 0)
		r = volume_open(stick->disk, partition, &inventory->previous_pvd, &volume);
	if (r == 0)
		r = set_read(volume, SET_CURRENT, &own);
	if (r < 0)
		/* Damage means that there is none. A failed read does not: it may be the proven
		 * set. */
		return is_damage(r) ? 0 : r;
	if (!inventory->has_current)
		inventory->previous = own;
	inventory->has_previous = set_is_same(&own, &inventory->previous);
	return 0;
}

static int find_current(const struct stick *stick, struct inventory *inventory)
{
	int r;

	r = volume_open(stick->disk, stick_kernel(stick), &inventory->pvd, &inventory->volume);
	if (r == 0)
		r = set_read(inventory->volume, SET_CURRENT, &inventory->current);
	inventory->has_current = r == 0;
	inventory->is_unreadable = r == -EIO;
	if (r == -EIO || is_damage(r)) {
		errno = -r;
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

	r = pvd_read(stick->disk, partition, PVD_LBA, &inventory.pvd);
	if (r == -EUCLEAN || r == -EMEDIUMTYPE) {
		log_error("%s: the volume descriptor is damaged", stick->name);
		return -ERR_VERIFY;
	}
	if (r == 0) {
		inventory.slot = slot_holding(partition.size, &inventory.pvd);
		r = find_current(stick, &inventory);
	}
	if (r == 0)
		r = find_previous(stick, &inventory);
	if (r < 0) {
		errno = -r;
		log_error("%s: cannot read the kernel partition: %m", stick->name);
		return r;
	}
	*ret_inventory = inventory;
	inventory.volume = NULL;
	return 0;
}

bool inventory_wants_previous(const struct inventory *inventory, const struct stick *stick)
{
	return inventory->has_previous && (assessment_tries(stick) >= 0 || !inventory->has_current);
}

void inventory_close(struct inventory *inventory)
{
	volume_close(inventory->volume);
	inventory->volume = NULL;
}
