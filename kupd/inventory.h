/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What lies in the kernel partition of a stick, read without reading the sets.
 */

#include "set.h"
#include "slot.h"
#include "stick.h"
#include "volume.h"

struct inventory {
	struct pvd pvd;
	struct volume *volume;
	enum slot_id slot; /* that holds the current tree */
	bool has_current;
	struct set current;
	/* The `.old` set, and the tree in which it is the current one: the way back. */
	bool has_previous;
	struct set previous;
	struct pvd previous_pvd;
};

/**
 * Read the kernel partition of @stick. A missing or damaged set is not an error: it is
 * not there. A previous set whose place was taken by another is not there either.
 * Reports. Returns -ERR_VERIFY if the tree itself is damaged; -errno of reading.
 * The caller ends it with inventory_close().
 */
int inventory_read(const struct stick *stick, struct inventory *ret_inventory);

void inventory_close(struct inventory *inventory);
