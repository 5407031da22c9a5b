/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <stdbool.h>

/**
 * From now on SIGINT, SIGTERM and SIGHUP no longer end the program: they are read from the
 * descriptor that is returned. Call it before any thread starts. Returns -errno.
 */
int interrupt_open(void);

/** Did one of them arrive? Stays true. @fd is interrupt_open()'s. */
bool interrupt_arrived(int fd);
