/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The kernel that the hooks could not have written, since a check refused it or there was no room:
 * they note it in /var/lib/liveng/refused of their system, release and reason in a line each, so
 * that no later run of apt fails for it.
 */

#include "kernel/kernel.h"
#include "run.h"

struct unwritten {
	char release[KERNEL_RELEASE_MAX];
	char reason[256]; /* "" if it is not known */
};

/** Read it, for the stick that the system runs from, or with --root. Returns whether there is one.
 */
bool unwritten_read(const struct kupd_run *run, struct unwritten *ret_unwritten);

/** @release has been written: what was refused of it is over. */
void unwritten_forget(const struct kupd_run *run, const char *release);
