/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What a kernel was built to do, by its configuration, as far as a stick needs it. What its modules
 * are for is left to modules_check(), which knows which of them are there.
 */

#include <stdbool.h>

#include "initrd/initrd.h"
#include "kernel/kconfig.h"

struct abilities {
	const char *kernel; /* the path, for messages */
	const char *release;
	const struct kconfig *config; /* NULL: nothing is known */
};

/**
 * Check that the kernel takes an initrd, can unpack each segment of this one (called @name in
 * messages), and has what a stick needs and no module brings: devtmpfs, tmpfs, GPT. Reports
 * everything that is missing. Returns -ERR_REFUSED.
 */
int abilities_check(
	const struct abilities *abilities, const struct initrd *initrd, const char *name);

/** Is it known to have been built without CONFIG_@option? An option that the configuration does not
 * mention counts unless @present: what it is about is there. */
bool abilities_lack(const struct abilities *abilities, const char *option, bool present);

/** Report that CONFIG_@option is lacking, or all of USB, with the way out. */
void abilities_report(const struct abilities *abilities, const char *option);
void abilities_report_no_usb(const struct abilities *abilities);
