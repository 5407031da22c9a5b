/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The command line of livengkupd.
 */

#include <stdbool.h>

#include "base/log.h"
#include "program/arguments.h"
#include "stick/stick.h"

struct kupd_run;

struct verb {
	const char *name;
	int (*run)(struct kupd_run *run);
	const char *options; /* its own long options, separated by spaces */
	const char *help;
};

struct kupd_options {
	const struct verb *verb;
	const char *release; /* NULL: not given */
	enum stick_target target;
	const char *target_path; /* NULL with STICK_RUNNING */
	const char *root;	 /* "" for this system; no trailing slash */
	bool has_root;		 /* it was given, if only as "/" or by --rebuild */
	const char *kernel;
	const char *initrd;
	bool rebuild;
	bool no_verify;
	bool in_place;
	bool undo;
	bool is_short;
	enum host_boot booted; /* what a stick named with --disk or --partition booted */
	const char *once;      /* the menu entry for the next boot; NULL: not given */
	bool force;
	bool dry_run;
	bool json;
	enum log_level level;
};

/**
 * Parse @argv. The list of verbs ends with a null name. If the first word is not a verb, it is a
 * release to update to, provided that --kernel is given or such a kernel is installed. An option
 * that the verb does not use is refused, and so is an abbreviated one. DONE: help or version was
 * printed; USAGE: the mistake was reported. @ret_json is always set.
 */
enum arguments_result kupd_options_parse(int argc, char **argv, const struct verb *verbs,
	bool *ret_json, struct kupd_options *ret_options);
