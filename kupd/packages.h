/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The packages of the installed system, as far as a repair needs them: what dpkg left undone, and
 * an initrd that is missing. Only those of the system that we run are ever touched.
 */

#include "run.h"

/**
 * See that no apt or dpkg is at work in the system that kernels are taken from. Reports. Returns
 * -ERR_BUSY if one is.
 */
int packages_check_idle(const struct kupd_run *run);

/** Let dpkg finish what it left, and with it our own hooks' work. Warns of a failure. Was
 * it asked? */
bool packages_finish(const struct kupd_run *run);

/** Build the initrd of @release if it is missing. Warns of a failure. */
void packages_build_initrd(const struct kupd_run *run, const char *release);
