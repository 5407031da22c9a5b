/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Programs of other packages, run to their end.
 */

/**
 * Run @argv (NULL-ended; never a shell), found in $PATH or the folders for administrators, with
 * @environment ("NAME=VALUE", NULL-ended, may be NULL) added to ours, and wait for it. It reads
 * nothing; what it prints is shown only if it fails. Reports, with @package as the way out if the
 * program is missing. Returns -ENOENT then; -EIO if it failed; -errno.
 */
int child_run(const char *const argv[], const char *const environment[], const char *package);
