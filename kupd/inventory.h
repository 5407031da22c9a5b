/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What lies in the kernel partition of a stick, read without reading the sets.
 */

#include "run.h"
#include "set.h"
#include "slot.h"
#include "stick.h"
#include "volume.h"

struct inventory {
	struct pvd pvd;
	struct volume *volume; /* the current tree; NULL: it is damaged */
	enum slot_id slot;     /* that holds the current tree */
	bool has_current;
	bool is_unreadable; /* has none since reading it failed: it may be whole all the same */
	struct set current;
	/* The set before, and the tree in which it is the current one: the way back. */
	bool has_previous;
	struct set previous;
	struct pvd previous_pvd;
	/* The set that a rollback left for the current one, and its tree: the way forward again. */
	bool has_undone;
	struct set undone;
	struct pvd undone_pvd;
	bool is_other_unreadable; /* neither is known, since reading failed: there may be one */
};

/**
 * Read the kernel partition of @stick. A missing or damaged set is not an error: it is not there. A
 * previous set whose place was taken by another is not there either. What cannot be read is noted.
 * Reports. Returns -ERR_VERIFY if not even the volume descriptor is whole; -errno of reading.
 * The caller ends it with inventory_close().
 */
int inventory_read(const struct stick *stick, struct inventory *ret_inventory);

/**
 * Open the stick that the options of @run name, and read it. Reports. Returns stick_open()'s and
 * inventory_read()'s errors. The caller ends both.
 */
int inventory_open(const struct run *run, bool writable, struct stick **ret_stick,
	struct inventory *ret_inventory);

void inventory_close(struct inventory *inventory);

/**
 * Must the previous set become current before another is written? So if the current one is on trial
 * or not there: then the previous set is the proven one, and its slot is not the one to be written.
 */
bool inventory_wants_previous(const struct inventory *inventory, const struct stick *stick);
