/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Programs of other packages.
 */

#include <sys/types.h>

/* One that runs. */
struct child {
	pid_t pid;	     /* 0: none does */
	int output;	     /* what it prints */
	const char *name;    /* for messages; not owned */
	const char *package; /* that has it; not owned */
};

/**
 * Start @argv (NULL-ended; never a shell), found in $PATH or the folders for administrators, with
 * @environment ("NAME=VALUE", NULL-ended, may be NULL) added to ours. It reads nothing; what it
 * prints is shown only if it fails. @argv[0] and @package must outlive it. Returns -errno. To be
 * ended with child_wait() or child_stop().
 */
int child_start(const char *const argv[], const char *const environment[], const char *package,
	struct child *ret_child);

/** Wait for its end. Reports, with its package as the way out if the program is missing. Returns
 * -ENOENT then; -ERR_TOOL if it failed; -errno. */
int child_wait(struct child *child);

/** End it, if it runs: nobody wants its work any more. */
void child_stop(struct child *child);

/** child_start() and child_wait(). */
int child_run(const char *const argv[], const char *const environment[], const char *package);

/** Run @argv, which people read along: what it prints goes to standard error, signals are as usual
 * for it. Returns its exit code, as a shell has it (127: there is no such program); -errno. */
int child_show(const char *const argv[]);
