/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What both programs do before and behind their work: streams, messages, signals, progress, and the
 * result as JSON.
 */

#include <json-c/json.h>

#include "base/log.h"
#include "base/observer.h"
#include "exitcode.h"
#include "progress.h"

struct program {
	const char *name;
	bool json; /* the result is wanted on standard output; for the command line to tell */
	struct json_object *result;   /* the work adds to it */
	struct json_object *errors;   /* all that were reported, in their order */
	struct json_object *warnings; /* the same */
	struct observer observer;     /* whoever waits for the work: the terminal and the signals */
	struct progress progress;
	int interrupt_fd;
};

/**
 * Begin: from now on messages are prefixed by @name (kept, not copied) and collected. Returns
 * -errno, without a word.
 */
int program_begin(struct program *program, const char *name);

/** The command line is read: from now on signals interrupt the work, and progress is shown. */
void program_run(struct program *program, enum log_level level);

/** End with what the work returned: print the result if it is wanted, and give the code to exit
 * with, EXIT_FAILED if the result, or anything else on standard output, could not be written. An
 * error that nobody reported is reported here. */
enum exit_code program_end(struct program *program, int error);

/** The same where the command line was wrong, which is reported. */
enum exit_code program_end_usage(struct program *program);

/** End without a result: help was asked for, and printed. Gives the code to exit with. */
enum exit_code program_leave(struct program *program);
