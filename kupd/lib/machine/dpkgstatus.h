/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What dpkg has recorded in a system: the text of /var/lib/dpkg/status, deb822(5) paragraphs.
 */

#include <stdbool.h>

#define DPKGSTATUS_PATH "var/lib/dpkg/status"
#define DPKGSTATUS_ARCH 32u

/** Is the package @name installed there? */
bool dpkgstatus_has(const char *status, const char *name);

/** The names of the packages put on hold (apt-mark hold) that begin with @prefix, separated by
 * spaces; "" if there are none. NULL: no memory. The caller frees it. */
char *dpkgstatus_held(const char *status, const char *prefix);

/** The architecture of the system, which is that of dpkg; "" if it is not known. */
void dpkgstatus_arch(const char *status, char ret_arch[DPKGSTATUS_ARCH]);
