/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * One stick, planned: what is written where. Nothing of the target is touched, and a plan does not
 * change once it is made.
 */

#include "inputs.h"
#include "layout/ids.h"
#include "layout/layout.h"
#include "layout/table.h"
#include "persistence/kept.h"

struct stick_plan {
	const struct inputs *inputs;
	struct layout layout;
	struct ids ids;
	struct table table;  /* with the BIOS' boot code, if the stick gets it */
	struct table before; /* until the stick is whole: nothing, or a persistence that stays */
	uint64_t system_bytes;
	struct kept kept; /* if it stays */
	int esp_fd;
	uint64_t esp_bytes;
	bool is_kept;	   /* the persistence stays */
	bool is_encrypted; /* the persistence */
};

/**
 * Plan what becomes of the target @path of @size bytes; with --keep-persistence its present
 * partitions are read. @encrypted: so will the persistence be. Reports. Returns -ERR_NO_ROOM;
 * -ERR_NOT_STICK if there is no persistence to keep; -errno. Ends with stick_plan_clear().
 */
int stick_plan_make(const struct inputs *inputs, const char *path, uint64_t size, bool encrypted,
	struct stick_plan *ret_plan);

/** See that a persistence that stays is the one that stick_plan_make() found: on @disk, which is
 * ours by now. Reports. Returns -ERR_REFUSED if not; else as stick_plan_make(). */
int stick_plan_check_kept(const struct stick_plan *plan, const struct disk *disk);

void stick_plan_clear(struct stick_plan *plan);
