/* SPDX-License-Identifier: GPL-3.0-or-later */

#include <string.h>

#include "program/program.h"
#include "run.h"

static const struct verb verbs[] = {
	{"update", "root kernel initrd no-verify in-place force dry-run",
		"write a kernel set: RELEASE, or the newest installed one"},
	{"status", "root short", "show the sets, their room and the boot assessment"},
	{"verify", "", "read current and previous set, compare their checksums"},
	{"rollback", "undo dry-run", "make the previous set the current one"},
	{"next", "once dry-run", "choose what the next boot runs, and only that"},
	{"bless", "root booted dry-run", "end the trial of a set that came up"},
	{"repair", "root kernel initrd no-verify dry-run",
		"bring back a set that boots, with what is there"},
	{0},
};

static int (*const verb_functions[])(struct run *run) = {
	update_verb, status_verb, verify_verb, rollback_verb, next_verb, bless_verb, repair_verb};

void run_add(struct run *run, const char *name, const char *value)
{
	json_object_object_add(run->result, name, value ? program_text(value) : NULL);
}

int run_open_stick(const struct run *run, unsigned int flags, struct stick **ret_stick)
{
	const struct options *options = run->options;

	return stick_open(&run->host, options->target, options->target_path, flags, &run->observer,
		ret_stick);
}

static int run_verb(struct run *run)
{
	size_t i = 0;

	while (strcmp(verbs[i].name, run->options->verb) != 0)
		i++;
	return verb_functions[i](run);
}

static enum exit_code run_options(struct program *program, const struct options *options)
{
	struct run run = {.options = options, .host = {.root = ""}};
	enum exit_code code;

	program_run(program, options->level);
	run.observer = program->observer;
	run.result = program->result;
	json_object_object_add(run.result, "verb", json_object_new_string(options->verb));
	json_object_object_add(run.result, "dry_run", json_object_new_boolean(options->dry_run));
	code = exit_code_of(run_verb(&run));
	json_object_object_add(run.result, "changed", json_object_new_boolean(run.changed));
	return code;
}

int main(int argc, char **argv)
{
	struct program program;
	struct options options;
	enum exit_code code = EXIT_USAGE;

	if (program_begin(&program, "livengkupd") < 0)
		return EXIT_FAILED;
	switch (options_parse(argc, argv, verbs, &program.json, &options)) {
	case ARGUMENTS_DONE:
		return (int)program_leave(&program);
	case ARGUMENTS_USAGE:
		json_object_object_add(program.result, "changed", json_object_new_boolean(false));
		break;
	case ARGUMENTS_RUN:
		code = run_options(&program, &options);
		break;
	}
	return (int)program_end(&program, code);
}
