/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Showing people what is lost, and asking whether they mean it.
 */

#include <json-c/json.h>
#include <stdio.h>

#include "observer.h"
#include "target.h"

struct confirm_wish {
	bool yes;		/* --yes: show it, ask nothing */
	bool keeps_persistence; /* --keep-persistence: partition 4 is not lost */
};

/**
 * Show what @target is and holds, and have the model name of a disk, the name of a file that holds
 * something, typed on the terminal. A new or empty file needs no asking. Reports. Returns
 * -ERR_REFUSED if the answer is another, or if there is no terminal to ask on; -EINTR.
 */
int confirm(const struct target *target, const struct confirm_wish *wish,
	const struct observer *observer);

/** The same for programs: what it holds, an object; NULL for a new or empty file. The caller puts
 * it. */
struct json_object *confirm_json(const struct target *target, const struct confirm_wish *wish);

/** Print the same of a target that is only looked at; nothing of a new or empty file. */
void confirm_show(FILE *to, const struct target *target, const struct confirm_wish *wish);
