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
	const char *options; /* the long names of its own, with spaces between */
	const char *help;
};

struct kupd_options {
	const struct verb *verb;
	const char *release; /* NULL: not named */
	enum stick_target target;
	const char *target_path; /* NULL with STICK_RUNNING */
	const char *root;	 /* "" for this system; no slash at the end */
	const char *kernel;
	const char *initrd;
	bool no_verify;
	bool in_place;
	bool undo;
	bool is_short;
	enum host_boot booted; /* how a stick that is named was booted */
	const char *once;      /* the entry that the next boot takes; NULL: not named */
	bool force;
	bool dry_run;
	bool json;
	enum log_level level;
};

/**
 * Parse @argv. The verbs end with a null name. A first word that is no verb is a release to update
 * to, if a kernel of that name is named or installed. An option that the verb does not use is
 * refused, and so is one that is not written out.
 * DONE: help or version was printed; USAGE: reported. Is JSON wanted? Told in any case.
 */
enum arguments_result kupd_options_parse(int argc, char **argv, const struct verb *verbs,
	bool *ret_json, struct kupd_options *ret_options);
