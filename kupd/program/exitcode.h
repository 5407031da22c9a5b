/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The exit codes of both programs.
 */

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NOT_STICK = 3,
	EXIT_REFUSED = 4,
	EXIT_NO_ROOM = 5,
	EXIT_VERIFY = 6,
	EXIT_BUSY = 7,
};

/** The exit code for 0 or a negative error. */
enum exit_code exit_code_of(int error);
