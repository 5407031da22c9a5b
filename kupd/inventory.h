/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What lies in the kernel partition of a stick, read without reading the sets.
 */

#include "iso/volume.h"
#include "run.h"
#include "slots/kernelset.h"
#include "slots/slot.h"
#include "stick/stick.h"

struct inventory {
	struct pvd pvd;
	struct volume *volume; /* the current tree; NULL: it is damaged */
	enum slot_id slot;     /* that holds the current tree */
	bool has_current;
	bool is_unreadable; /* has none since reading it failed: it may be whole all the same */
	struct kernelset current;
	/* What the other slot has, if anything: the set before, or the one that a rollback left for
	 * the current one. And the tree in which it is the current one: the way back, or forward
	 * again. */
	bool has_previous;
	struct kernelset previous;
	bool has_undone;
	struct kernelset undone;
	struct pvd other_pvd;
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
int inventory_open(const struct kupd_run *run, bool writable, struct stick **ret_stick,
	struct inventory *ret_inventory);

void inventory_close(struct inventory *inventory);

/** Did the current set come up once, as far as the assessment tells? */
bool inventory_is_proven(const struct inventory *inventory, const struct stick *stick);

/** The set of the other slot, whichever it is, or NULL. */
const struct kernelset *inventory_other(const struct inventory *inventory);

/** Would that one need a trial of its own, once it is current? Not if it is proven, nor if the
 * assessment is off. */
bool inventory_doubts_other(const struct inventory *inventory, const struct stick *stick);

/**
 * The set of the other slot if it has to become current before another is written, else NULL. So if
 * the current one is not there, or on trial while nothing says that it is the better one: then the
 * set known to boot, if there is any, is the other, and its slot is not the one to be written.
 */
const struct kernelset *inventory_to_keep(
	const struct inventory *inventory, const struct stick *stick);
