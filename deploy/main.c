/* SPDX-License-Identifier: GPL-3.0-or-later */

#include <errno.h>
#include <fcntl.h>
#include <locale.h>

#include "exitcode.h"
#include "interrupt.h"
#include "log.h"
#include "progress.h"
#include "run.h"
#include "util.h"

#define SCHEMA_VERSION 1 /* of the JSON result; raised when a member goes or changes */

struct waiting {
	struct progress progress;
	int interrupt_fd;
};

static void on_progress(void *data, const char *phase, uint64_t done, uint64_t total)
{
	progress_update(&((struct waiting *)data)->progress, phase, done, total);
}

static bool on_interrupted(void *data)
{
	return interrupt_arrived(((struct waiting *)data)->interrupt_fd);
}

static void collect_error(void *data, const char *text)
{
	json_object_array_add(data, json_object_new_string(text));
}

int main(int argc, char **argv)
{
	struct options options;
	struct waiting waiting = {.interrupt_fd = -1};
	struct run run = {.options = &options, .host = {.root = ""}};
	enum exit_code code;

	setlocale(LC_ALL, "");
	setlocale(LC_CTYPE, "C.UTF-8");
	log_init("liveng-deploy", LOG_NORMAL);
	switch (options_parse(argc, argv, &options)) {
	case OPTIONS_DONE:
		return EXIT_DONE;
	case OPTIONS_USAGE:
		return EXIT_USAGE;
	case OPTIONS_FAILED:
		return EXIT_FAILED;
	case OPTIONS_RUN:
		break;
	}
	log_init("liveng-deploy", options.level);
	waiting.interrupt_fd = interrupt_open();
	progress_init(&waiting.progress, options.level != LOG_QUIET);
	run.observer = (struct observer){on_progress, on_interrupted, &waiting};
	run.result = json_object_new_object();
	run.errors = json_object_new_array();
	json_object_object_add(run.result, "schema_version", json_object_new_int(SCHEMA_VERSION));
	log_set_sink(collect_error, run.errors);

	code = exit_code_of(options.list ? list_verb(&run) : deploy_verb(&run));
	log_set_sink(NULL, NULL);

	json_object_object_add(run.result, "exit_code", json_object_new_int((int)code));
	json_object_object_add(run.result, "errors", run.errors);
	if (options.json)
		puts(json_object_to_json_string_ext(run.result, JSON_C_TO_STRING_PRETTY));
	json_object_put(run.result);
	if (fflush(stdout) != 0 && code == EXIT_DONE) {
		log_error("cannot write the result: %m");
		code = EXIT_FAILED;
	}
	return (int)code;
}
