/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <stdbool.h>

/**
 * From now on SIGINT, SIGTERM and SIGHUP no longer terminate the program, but can be polled on the
 * returned descriptor. Call it before any thread starts. Returns -errno.
 */
int interrupt_open(void);

/** Has one of them arrived? Stays true. @fd is interrupt_open()'s. */
bool interrupt_arrived(int fd);
