/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The part of `status` that is of the installed system, not of the stick.
 */

#include "inventory.h"

/** Tell which kernel packages apt does not upgrade, what room there is, and what would make more:
 * lines of the table, or members of the JSON result. */
void status_tell_system(struct kupd_run *run, const struct inventory *inventory);
