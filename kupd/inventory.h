/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What a stick's kernel partition contains, found without reading the sets themselves.
 */

#include "iso/volume.h"
#include "run.h"
#include "slots/kernelset.h"
#include "slots/slot.h"
#include "stick/stick.h"

struct inventory {
	struct pvd pvd;
	struct volume *volume; /* the current tree; NULL: it is damaged */
	enum slot_id slot;     /* the one that holds the current tree */
	bool has_current;
	bool is_unreadable; /* has_current is false because reading failed: the set may still be
			       whole */
	struct kernelset current;
	/* What the other slot has, if anything: the previous set, or the one that a rollback
	 * abandoned in favour of the current one. And the tree in which it is the current set, to
	 * switch back, or forward again. */
	bool has_previous;
	struct kernelset previous;
	bool has_undone;
	struct kernelset undone;
	struct pvd other_pvd;
	bool is_other_unreadable; /* neither is known because reading failed: there may be one */
	/* The current set was written during this boot, and gets no trial: whether it comes up is
	 * not known, though the assessment takes it for proven. */
	bool is_unseen;
};

/**
 * Read the kernel partition of @stick. A missing or damaged set is not an error, it just does not
 * exist. A previous set that was overwritten by another does not exist either. Read failures are
 * recorded in the inventory. Reports. Returns -ERR_VERIFY if even the volume descriptor is damaged;
 * -errno of reading. The caller frees it with inventory_close().
 */
int inventory_read(const struct stick *stick, struct inventory *ret_inventory);

/**
 * Open the stick given by the options of @run, and read it. Reports. Returns stick_open()'s and
 * inventory_read()'s errors. The caller closes both.
 */
int inventory_open(const struct kupd_run *run, bool writable, struct stick **ret_stick,
	struct inventory *ret_inventory);

void inventory_close(struct inventory *inventory);

/** Has the current set ever come up, according to the assessment? */
bool inventory_is_proven(const struct inventory *inventory, const struct stick *stick);

/** The set of the other slot, whichever it is, or NULL. */
const struct kernelset *inventory_other(const struct inventory *inventory);

/** Would that one need a trial after becoming current? Not if it is proven or the assessment is
 * off. */
bool inventory_doubts_other(const struct inventory *inventory, const struct stick *stick);

/**
 * The set of the other slot if it must become current before a new one is written, else NULL. That
 * is so if there is no current one, or it is on trial and nothing shows that it is the better one:
 * then the set known to boot, if any, is the other one, and its slot must not be overwritten (K2).
 * The same without trials, where the other one is what this boot ran.
 */
const struct kernelset *inventory_to_keep(
	const struct inventory *inventory, const struct stick *stick);
