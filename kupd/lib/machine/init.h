/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The init system that runs.
 */

#include "host.h"

/**
 * Does it run the service liveng-bless, which ends the trial of a new kernel once the system is up?
 * For systemd, OpenRC and sysvinit this can be found out. False if not: then a good kernel would be
 * given up.
 */
bool init_ends_trials(const struct host *host);
