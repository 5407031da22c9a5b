/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "program/program.h"
#include "run.h"

static const struct deploy_verb verbs[] = {
	{"list", list_verb, "allow-fixed allow-large",
		"list the disks, and why some cannot be written to"},
	{"", deploy_verb,
		"size kernel-size encrypt no-persistence keep-persistence passphrase-file "
		"passphrase-fd kernel initrd packages locale keyboard timezone username hostname "
		"append console preloader allow-fixed "
		"allow-large yes no-verify progress-fd dry-run",
		NULL},
};

static int run_verb(struct program *program, const struct deploy_options *options)
{
	struct deploy_run run = {.options = options, .host = {.root = ""}};

	program_run(program, options->level);
	run.observer = program->observer;
	run.result = program->result;
	run.errors = program->errors;
	run.warnings = program->warnings;
	return options->verb->run(&run);
}

int main(int argc, char **argv)
{
	struct program program;
	struct deploy_options options;

	if (program_begin(&program, "liveng-deploy") < 0)
		return EXIT_FAILED;
	switch (deploy_options_parse(argc, argv, verbs, &program.json, &options)) {
	case ARGUMENTS_DONE:
		return (int)program_leave(&program);
	case ARGUMENTS_RUN:
		return (int)program_end(&program, run_verb(&program, &options));
	case ARGUMENTS_USAGE:
		break;
	}
	return (int)program_end_usage(&program);
}
