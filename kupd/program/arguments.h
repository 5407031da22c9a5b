/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A command line as getopt_long(3) takes it apart. What the table alone tells to be wrong is told
 * here; what options and words mean is for the program.
 */

#include <getopt.h>
#include <stdbool.h>

#include "base/log.h"

/* The lines of a table for what both programs have. A value below 256 is a letter that does the
 * same. */
#define ARGUMENTS_COMMON                                                                         \
	{"dry-run", no_argument, NULL, 'n'}, {"quiet", no_argument, NULL, 'q'},                  \
		{"verbose", no_argument, NULL, 'v'}, {"json", no_argument, NULL, ARGUMENT_JSON}, \
		{"help", no_argument, NULL, 'h'},                                                \
	{                                                                                        \
		"version", no_argument, NULL, ARGUMENT_VERSION                                   \
	}

enum { ARGUMENT_JSON = 256, ARGUMENT_VERSION, ARGUMENT_OWN /* the first that is free */ };

enum arguments_result { ARGUMENTS_RUN, ARGUMENTS_DONE, ARGUMENTS_USAGE };

/** What a program makes of one option; @value is NULL if it takes none. Reports what is wrong with
 * it. Anything but RUN is the end of it. */
typedef enum arguments_result (*arguments_take)(
	void *data, const struct option *option, char *value);

/**
 * Give the options of @argv to @take one by one, in their order, up to the first mistake. One that
 * is not written out, and may be a typing error, is a mistake, too. The words between and behind
 * them stand from argv[optind] on then. Whether there is a --json is told in any case: mistakes are
 * told as JSON, too. Reports.
 */
enum arguments_result arguments_read(int argc, char **argv, const struct option *table,
	arguments_take take, void *data, bool *ret_json);

/**
 * Take one of ARGUMENTS_COMMON. Those that the two programs do not have alike are left: --json,
 * which arguments_read() tells, and --help, which is for @program to print.
 */
enum arguments_result arguments_take_common(
	const char *program, const struct option *option, bool *dry_run, enum log_level *level);

/**
 * Are all options of @table that were @given (by their place in it) in one of the two lists, long
 * names with spaces between? One that does nothing would be taken for one that does. Reports the
 * first that is not, as one of @verb.
 */
bool arguments_check_use(const struct option *table, const bool *given, const char *verb,
	const char *common, const char *own);

/* Tell of wrong use, and the way out. */
#define arguments_misuse(format, ...) log_error(format ": see --help", ##__VA_ARGS__)
