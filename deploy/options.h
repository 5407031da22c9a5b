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
	const char *name; /* "": what is done without one */
	int (*run)(struct deploy_run *run);
	const char *options; /* the long names of its own, with spaces between */
	const char *help;
};

struct deploy_options {
	const struct deploy_verb *verb;
	const char *image;
	char *const *targets;
	size_t n_targets;

	uint64_t size;	      /* bytes of a new image file; 0: not named */
	uint64_t kernel_size; /* bytes of partition 2; 0: as large as the layout wants it */
	enum persistence_kind persistence;
	const char *passphrase_file;
	int passphrase_fd; /* -1: not named */
	const char *kernel;
	const char *initrd;

	const char *append;
	const char *console;
	const char *preloader;

	bool allow_fixed;
	bool allow_large;
	bool yes;
	bool no_verify;
	bool dry_run;
	bool json;
	int progress_fd; /* -1: not named */
	enum log_level level;
};

/** Parse @argv. The verbs end with the one without a name. An option that the verb does not use is
 * refused. DONE: help or version was printed; USAGE: reported. Is JSON wanted? Told in any case. */
enum arguments_result deploy_options_parse(int argc, char **argv, const struct deploy_verb *verbs,
	bool *ret_json, struct deploy_options *ret_options);

/** Does one of them say where the passphrase is? Else it is asked for. */
bool deploy_options_name_passphrase(const struct deploy_options *options);
