/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "interrupt.h"
#include "json.h"

#define SCHEMA_VERSION 1 /* of the JSON result; raised when a member is removed or changed */

static void on_progress(void *data, const char *phase, uint64_t done, uint64_t total)
{
	progress_update(&((struct program *)data)->progress, phase, done, total);
}

static bool on_interrupted(void *data)
{
	return interrupt_arrived(((struct program *)data)->interrupt_fd);
}

/*
 * If a standard stream is closed, the stick would get its number when opened, and messages would go
 * into it. Opened read-only, so that a result nobody receives is still an error.
 */
static int open_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int program_begin(struct program *program, const char *name)
{
	int r;

	r = open_standard_streams();
	if (r < 0) {
		fprintf(stderr, "%s: cannot open /dev/null: %s\n", name, strerror(-r));
		return r;
	}
	setlocale(LC_ALL, "");
	/* Whatever the user's locale: libisofs interprets the names in images as text in this
	 * one. */
	setlocale(LC_CTYPE, "C.UTF-8");
	*program = (struct program){
		.name = name,
		.result = json_object_new_object(),
		.errors = json_object_new_array(),
		.warnings = json_object_new_array(),
		.interrupt_fd = -1,
	};
	json_object_object_add(
		program->result, "schema_version", json_object_new_int(SCHEMA_VERSION));
	log_init(name, LOG_NORMAL);
	log_set_sink(json_collect, program->errors);
	log_set_warning_sink(json_collect, program->warnings);
	return 0;
}

void program_run(struct program *program, enum log_level level)
{
	log_init(program->name, level);
	program->interrupt_fd = interrupt_open();
	progress_init(&program->progress, level != LOG_QUIET);
	program->observer = (struct observer){on_progress, on_interrupted, program};
}

static enum exit_code end(struct program *program, enum exit_code code)
{
	log_set_sink(NULL, NULL);
	log_set_warning_sink(NULL, NULL);
	json_object_object_add(program->result, "exit_code", json_object_new_int((int)code));
	json_object_object_add(program->result, "errors", program->errors);
	json_object_object_add(program->result, "warnings", program->warnings);
	if (program->json)
		puts(json_object_to_json_string_ext(
			program->result, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(program->result);
	errno = 0;
	/* If an earlier write failed, its errno is not known any more. */
	if ((fflush(stdout) != 0 || ferror(stdout)) && code == EXIT_DONE) {
		report(errno ? -errno : -EIO, "cannot write to standard output");
		code = EXIT_FAILED;
	}
	return code;
}

void program_report(const struct program *program, int error)
{
	if (error < 0 && json_object_array_length(program->errors) == 0)
		report_step(error);
}

enum exit_code program_end(struct program *program, int error)
{
	program_report(program, error);
	return end(program, exit_code_of(error));
}

enum exit_code program_end_usage(struct program *program)
{
	return end(program, EXIT_USAGE);
}

enum exit_code program_leave(struct program *program)
{
	program->json = false;
	return end(program, EXIT_DONE);
}
