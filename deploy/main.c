/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "program/program.h"
#include "run.h"

int main(int argc, char **argv)
{
	struct program program;
	struct options options;
	struct run run = {.options = &options, .host = {.root = ""}};
	enum exit_code code = EXIT_USAGE;

	if (program_begin(&program, "liveng-deploy") < 0)
		return EXIT_FAILED;
	switch (options_parse(argc, argv, &program.json, &options)) {
	case ARGUMENTS_DONE:
		return (int)program_leave(&program);
	case ARGUMENTS_USAGE:
		break;
	case ARGUMENTS_RUN:
		program_run(&program, options.level);
		run.observer = program.observer;
		run.result = program.result;
		run.errors = program.errors;
		run.warnings = program.warnings;
		code = exit_code_of(options.list ? list_verb(&run) : deploy_verb(&run));
		break;
	}
	return (int)program_end(&program, code);
}
