/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "inventory.h"
#include "run.h"

/**
 * Describe in @text, of @size bytes, what an update without arguments would do, as far as names,
 * sizes and dates of the installed files tell: no set is read. Returns the same as a word: "write",
 * "current", "no-kernel", "no-initrd", "no-room".
 */
const char *outlook_describe(const struct run *run, const struct stick *stick,
	const struct inventory *inventory, char *text, size_t size);
