/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What a repair does to the packages of the installed system: finish what dpkg left undone, and
 * build a missing initrd. Only the packages of the running system are ever touched.
 */

#include "run.h"

/**
 * Check that neither apt nor dpkg is running on the system that kernels are taken from. Reports.
 * Returns -ERR_BUSY if one is.
 */
int packages_check_idle(const struct kupd_run *run);

/** Let dpkg finish what it left undone, which includes our own hooks. Warns if it fails. Returns
 * whether dpkg was run. */
bool packages_finish(const struct kupd_run *run);

/** Build the initrd of @release if it is missing. Warns if that fails. */
void packages_build_initrd(const struct kupd_run *run, const char *release);

/** Build the initrd of @release anew, in /boot of the system that this program runs in. Reports.
 * Returns -ERR_TOOL if that fails; -errno. */
int packages_rebuild_initrd(const char *release);
