/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "inventory.h"

#include "log.h"
#include "util.h"

/*
 * The names with `.old` say where the previous set lay when the current one was written. It is
 * there still only if the other slot's own tree has the same files.
 */
static int find_previous(const struct stick *stick, struct inventory *inventory)
{
	cleanup(volume_closep) struct volume *volume = NULL;
	struct extent partition = stick_kernel(stick);
	struct set own;
	int r;

	r = set_read(inventory->volume, SET_PREVIOUS, &inventory->previous);
	if (r == 0)
		r = slot_previous(stick->disk, partition, &inventory->previous_pvd);
	if (r == 0)
		r = volume_open(stick->disk, partition, &inventory->previous_pvd, &volume);
	if (r == 0)
		r = set_read(volume, SET_CURRENT, &own);
	if (r == 0)
		inventory->has_previous = set_is_same(&own, &inventory->previous);
	/* Damage means that there is none. A failed read does not: the set may be the proven one.
	 */
	if (r == -ENOENT || r == -EUCLEAN || r == -EMEDIUMTYPE || r == -EFBIG)
		return 0;
	return r;
}

int inventory_read(const struct stick *stick, struct inventory *ret_inventory)
{
	cleanup(inventory_close) struct inventory inventory = {0};
	struct extent partition = stick_kernel(stick);
	int r;

	r = pvd_read(stick->disk, partition, PVD_LBA, &inventory.pvd);
	if (r == 0)
		r = volume_open(stick->disk, partition, &inventory.pvd, &inventory.volume);
	if (r == -EUCLEAN || r == -EMEDIUMTYPE) {
		log_error("%s: the ISO 9660 tree is damaged", stick->name);
		return -ERR_VERIFY;
	}
	if (r < 0) {
		errno = -r;
		log_error("%s: cannot read the kernel partition: %m", stick->name);
		return r;
	}

	inventory.slot = slot_holding(partition.size, &inventory.pvd);
	r = set_read(inventory.volume, SET_CURRENT, &inventory.current);
	if (r < 0 && r != -ENOENT && r != -EUCLEAN && r != -EFBIG) {
		errno = -r;
		log_error("%s: cannot read the current kernel set: %m", stick->name);
		return r;
	}
	inventory.has_current = r == 0;
	r = find_previous(stick, &inventory);
	if (r < 0) {
		errno = -r;
		log_error("%s: cannot read the previous kernel set: %m", stick->name);
		return r;
	}

	*ret_inventory = inventory;
	inventory.volume = NULL;
	return 0;
}

void inventory_close(struct inventory *inventory)
{
	volume_close(inventory->volume);
	inventory->volume = NULL;
}
