/* SPDX-License-Identifier: GPL-3.0-or-later */

#include <stdio.h>

#include "program/program.h"
#include "run.h"
#include "statefile.h"

static const struct verb verbs[] = {
	{"update", update_verb, "root kernel initrd rebuild no-verify in-place force dry-run",
		"write a kernel set: RELEASE, or the newest installed one"},
	{"status", status_verb, "root short",
		"show the kernel sets, the room and the boot assessment"},
	{"verify", verify_verb, "", "read the current and previous sets, compare checksums"},
	{"rollback", rollback_verb, "root undo force dry-run",
		"make the previous set the current one"},
	{"next", next_verb, "root once force dry-run",
		"choose what the next boot runs, for that boot only"},
	{"bless", bless_verb, "root booted dry-run", "end the trial of a set that came up"},
	{"repair", repair_verb, "root kernel initrd no-verify dry-run",
		"restore a set that boots, with what is there"},
	{0},
};

static int run_verb(struct program *program, const struct kupd_options *options)
{
	struct kupd_run run = {.options = options, .host = {.root = ""}};
	int r;

	program_run(program, options->level);
	run.observer = program->observer;
	run.result = program->result;
	json_object_object_add(run.result, "verb", json_object_new_string(options->verb->name));
	json_object_object_add(run.result, "dry_run", json_object_new_boolean(options->dry_run));
	r = options->verb->run(&run);
	json_object_object_add(run.result, "changed", json_object_new_boolean(run.changed));
	program_report(program, r);
	/* Whoever waits for the result need not wait for this. */
	if (!options->json)
		(void)fflush(stdout);
	statefile_write(&run, program->errors, r);
	return r;
}

int main(int argc, char **argv)
{
	struct program program;
	struct kupd_options options;

	if (program_begin(&program, "livengkupd") < 0)
		return EXIT_FAILED;
	switch (kupd_options_parse(argc, argv, verbs, &program.json, &options)) {
	case ARGUMENTS_DONE:
		return (int)program_leave(&program);
	case ARGUMENTS_RUN:
		return (int)program_end(&program, run_verb(&program, &options));
	case ARGUMENTS_USAGE:
		break;
	}
	json_object_object_add(program.result, "changed", json_object_new_boolean(false));
	return (int)program_end_usage(&program);
}
