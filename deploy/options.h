/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The command line of liveng-deploy.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "program/arguments.h"

enum persistence_kind {
	PERSISTENCE_CLEAR,
	PERSISTENCE_ENCRYPTED,
	PERSISTENCE_NONE,
	PERSISTENCE_KEPT
};

struct deploy_run;

struct deploy_verb {
	const char *name; /* "": what is done without a verb */
	int (*run)(struct deploy_run *run);
	const char *options; /* its own long options, separated by spaces */
	const char *help;
};

struct deploy_options {
	const struct deploy_verb *verb;
	const char *image;
	char *const *targets;
	size_t n_targets;

	uint64_t size;	      /* bytes of a new image file; 0: not given */
	uint64_t kernel_size; /* bytes of partition 2; 0: the layout's default */
	enum persistence_kind persistence;
	const char *passphrase_file;
	int passphrase_fd; /* -1: not given */
	const char *kernel;
	const char *initrd;
	const char *packages; /* folder; NULL: not given */

	const char *locale;   /* what the first boot sets up; NULL: not given */
	const char *keyboard; /* "de", "de:neo" */
	const char *timezone;
	const char *username;
	const char *hostname;

	const char *append;
	const char *console;
	const char *preloader;

	bool allow_fixed;
	bool allow_large;
	bool yes;
	bool no_verify;
	bool dry_run;
	bool json;
	int progress_fd; /* -1: not given */
	enum log_level level;
};

/** Parse @argv. The list of verbs ends with the one without a name. An option that the verb does
 * not use is refused. DONE: help or version was printed; USAGE: the mistake was reported. @ret_json
 * is always set. */
enum arguments_result deploy_options_parse(int argc, char **argv, const struct deploy_verb *verbs,
	bool *ret_json, struct deploy_options *ret_options);

/** Is @text a locale(7) that is a language ("de_DE.UTF-8"), not "C" or "POSIX"? */
bool options_locale_is_valid(const char *text);

/** Is @text layouts of keyboard(5), with or without variants ("de", "us,ru", "de:neo")? */
bool options_keyboard_is_valid(const char *text);

/** Is @text a time zone of tzselect(8) ("Europe/Berlin")? */
bool options_timezone_is_valid(const char *text);

/** Does one of the options say where the passphrase is? Otherwise the user is asked. */
bool deploy_options_name_passphrase(const struct deploy_options *options);
