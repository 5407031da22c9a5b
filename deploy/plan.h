/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The plan for one stick: what is written where. Making it does not touch the target, and it does
 * not change once made.
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
	struct table table;  /* with the BIOS boot code, if the stick gets it */
	struct table before; /* until the stick is complete: empty, or with a kept persistence */
	uint64_t system_bytes;
	struct kept kept; /* if is_kept */
	int esp_fd;
	uint64_t esp_bytes;
	bool is_kept;	   /* the persistence is kept */
	bool is_encrypted; /* the persistence */
};

/**
 * Plan the stick on the target @path of @size bytes; with --keep-persistence its current partitions
 * are read. @encrypted: the persistence will be encrypted. Reports. Returns -ERR_NO_ROOM;
 * -ERR_NOT_STICK if there is no persistence to keep; -errno. Free with stick_plan_clear().
 */
int stick_plan_make(const struct inputs *inputs, const char *path, uint64_t size, bool encrypted,
	struct stick_plan *ret_plan);

/** Check that a kept persistence is still the one that stick_plan_make() found, now on @disk, which
 * we hold exclusively. Reports. Returns -ERR_REFUSED if not; else as stick_plan_make(). */
int stick_plan_check_kept(const struct stick_plan *plan, const struct disk *disk);

void stick_plan_clear(struct stick_plan *plan);
