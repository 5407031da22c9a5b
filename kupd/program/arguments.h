/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Parsing a command line with getopt_long(3). Errors that the option table alone reveals are
 * reported here; what options and words mean is up to the program.
 */

#include <getopt.h>
#include <stdbool.h>

#include "base/log.h"

/* The table rows for the options of both programs. A value below 256 is the short option. */
#define ARGUMENTS_COMMON                                                                         \
	{"dry-run", no_argument, NULL, 'n'}, {"quiet", no_argument, NULL, 'q'},                  \
		{"verbose", no_argument, NULL, 'v'}, {"json", no_argument, NULL, ARGUMENT_JSON}, \
		{"help", no_argument, NULL, 'h'},                                                \
	{                                                                                        \
		"version", no_argument, NULL, ARGUMENT_VERSION                                   \
	}

enum { ARGUMENT_JSON = 256, ARGUMENT_VERSION, ARGUMENT_OWN /* the first free value */ };

enum arguments_result { ARGUMENTS_RUN, ARGUMENTS_DONE, ARGUMENTS_USAGE };

/** A program's handler for one option; @value is NULL if it takes none. Reports what is wrong with
 * it. Any result but RUN stops the parsing. */
typedef enum arguments_result (*arguments_take)(
	void *data, const struct option *option, char *value);

/**
 * Pass the options of @argv to @take one by one, in order, up to the first mistake. An abbreviated
 * option, which may be a typing error, is a mistake, too. The words between and after them then
 * start at argv[optind]. @ret_json is always set: mistakes are reported as JSON, too. Reports.
 */
enum arguments_result arguments_read(int argc, char **argv, const struct option *table,
	arguments_take take, void *data, bool *ret_json);

/**
 * Handle one of ARGUMENTS_COMMON. Two are handled elsewhere: --json by arguments_read(), and --help
 * by @program.
 */
enum arguments_result arguments_take_common(
	const char *program, const struct option *option, bool *dry_run, enum log_level *level);

/**
 * Are all options of @table that were @given (by index) in one of the two lists of space-separated
 * long names? An option that has no effect would be mistaken for one that has. Reports the first
 * that is in neither, as not used by @verb.
 */
bool arguments_check_use(const struct option *table, const bool *given, const char *verb,
	const char *common, const char *own);

/* Report wrong usage, and the way out. */
#define arguments_misuse(format, ...) log_error(format ": see --help", ##__VA_ARGS__)
