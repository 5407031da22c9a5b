/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What both programs do before and after their work: streams, messages, signals, progress, and the
 * result as JSON.
 */

#include <json-c/json.h>

#include "base/log.h"
#include "base/observer.h"
#include "exitcode.h"
#include "progress.h"

struct program {
	const char *name;
	bool json; /* print the result on standard output; set by the command line */
	struct json_object *result;   /* the work adds to it */
	struct json_object *errors;   /* all that were reported, in order */
	struct json_object *warnings; /* the same */
	struct observer observer;     /* the terminal and the signals */
	struct progress progress;
	int interrupt_fd;
};

/**
 * Begin: from now on messages are prefixed with @name (kept, not copied) and collected. Returns
 * -errno.
 */
int program_begin(struct program *program, const char *name);

/** The command line has been read: from now on signals interrupt the work, and progress is
 * shown. */
void program_run(struct program *program, enum log_level level);

/** Report what the work returned, if that was an error that nothing was said of yet. */
void program_report(const struct program *program, int error);

/** Finish with what the work returned: print the result if requested, and return the code to exit
 * with, EXIT_FAILED if the result, or anything else on standard output, could not be written. An
 * error that was not reported yet is reported here. */
enum exit_code program_end(struct program *program, int error);

/** The same if the command line was wrong, which has been reported. */
enum exit_code program_end_usage(struct program *program);

/** Finish without a result: help was requested and printed. Returns the code to exit with. */
enum exit_code program_leave(struct program *program);
