/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Running programs of other packages.
 */

#include <sys/types.h>

#include "observer.h"

/* A running child process. */
struct child {
	pid_t pid;	     /* 0: not running */
	int output;	     /* what it prints */
	const char *name;    /* for messages; not owned */
	const char *package; /* that ships it; not owned */
};

/**
 * Start @argv (NULL-terminated; never a shell), looked up in $PATH and the sbin folders, with
 * @environment ("NAME=VALUE", NULL-terminated, may be NULL) added to ours. Its standard input is
 * empty; its output is shown only if it fails. @argv[0] and @package must outlive it. Returns
 * -errno. End it with child_wait() or child_stop().
 */
int child_start(const char *const argv[], const char *const environment[], const char *package,
	struct child *ret_child);

/** Wait for it to exit. Reports, and names the package to install if the program is missing.
 * Returns -ENOENT if it is missing; -ERR_TOOL if it failed; -errno. */
int child_wait(struct child *child);

/** Kill it if it is running: its result is no longer wanted. */
void child_stop(struct child *child);

/** child_start() and child_wait(). */
int child_run(const char *const argv[], const char *const environment[], const char *package);

/** child_start(), and return what it printed, whatever its exit code, which is in @ret_status (-1:
 * ended by a signal). Reports, but not that it is missing. Returns -ENOENT if it is; -EINTR if
 * @observer (may be NULL) is interrupted, which kills it; -errno. The caller frees @ret_output. */
int child_capture(const char *const argv[], const char *const environment[],
	const struct observer *observer, int *ret_status, char **ret_output);

/** Run @argv in the user's sight: its output goes to standard error, and signals have their default
 * effect on it. Returns its exit code, as a shell reports it (127: no such program); -errno. */
int child_show(const char *const argv[]);
