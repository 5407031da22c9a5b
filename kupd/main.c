/* SPDX-License-Identifier: GPL-3.0-or-later */

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <string.h>
#include <wchar.h>

#include "interrupt.h"
#include "log.h"
#include "progress.h"
#include "run.h"
#include "util.h"

#define SCHEMA_VERSION 1 /* of the JSON result; raised when a member goes or changes */

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NOT_STICK = 3,
	EXIT_REFUSED = 4,
	EXIT_NO_ROOM = 5,
	EXIT_VERIFY = 6,
	EXIT_BUSY = 7,
};

static const struct verb verbs[] = {
	{"update", "root kernel initrd no-verify in-place force dry-run",
		"write a kernel set: RELEASE, or the newest installed one"},
	{"status", "root short", "show the sets, their room and the boot assessment"},
	{"verify", "", "read all sets and compare their checksums"},
	{"rollback", "undo dry-run", "make the previous set the current one"},
	{"next", "once dry-run", "choose what the next boot runs, and only that"},
	{"bless", "root dry-run", "end the trial of a set that came up"},
	{"repair", "root no-verify dry-run", "bring back a set that boots, with what is there"},
	{0},
};

static int (*const verb_functions[])(struct run *run) = {
	update_verb, status_verb, verify_verb, rollback_verb, next_verb, bless_verb, repair_verb};

/* What waits for long work in this program: the terminal and the signals. */
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

static enum exit_code exit_code_of(int error)
{
	switch (-error) {
	case 0:
		return EXIT_DONE;
	case ERR_NOT_STICK:
		return EXIT_NOT_STICK;
	case ERR_REFUSED:
		return EXIT_REFUSED;
	case ERR_NO_ROOM:
		return EXIT_NO_ROOM;
	case ERR_VERIFY:
		return EXIT_VERIFY;
	case ERR_BUSY:
		return EXIT_BUSY;
	default:
		return EXIT_FAILED;
	}
}

/* JSON is UTF-8, a file name is any bytes: those that are no UTF-8 become question marks. */
static struct json_object *new_text(const char *text)
{
	struct json_object *object;
	char *clean = strdup(text);
	size_t size, left = clean ? strlen(clean) : 0;
	mbstate_t state = {0};

	for (char *at = clean; left > 0; at += size, left -= size) {
		size = mbrtowc(NULL, at, left, &state);
		if (size == (size_t)-1 || size == (size_t)-2) {
			*at = '?';
			size = 1;
			memset(&state, 0, sizeof(state));
		}
	}
	object = json_object_new_string(clean ? clean : "");
	free(clean);
	return object;
}

void run_add(struct run *run, const char *name, const char *value)
{
	json_object_object_add(run->result, name, new_text(value));
}

int run_open_stick(const struct run *run, unsigned int flags, struct stick **ret_stick)
{
	const struct options *options = run->options;

	return stick_open(&run->host, options->target, options->target_path, flags, ret_stick);
}

/* All errors, or all warnings, of a run, in their order. */
static void collect(void *data, const char *text)
{
	json_object_array_add(data, new_text(text));
}

static int run_verb(struct run *run)
{
	size_t i = 0;

	while (strcmp(verbs[i].name, run->options->verb) != 0)
		i++;
	return verb_functions[i](run);
}

/*
 * A standard stream that is closed would have its number go to the stick, and messages into it. Not
 * writable, so that a result that nobody gets is still an error.
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

/* Usage errors are told as JSON as well. */
static bool wants_json(char **argv)
{
	while (*argv && strcmp(*argv, "--") != 0)
		if (strcmp(*argv++, "--json") == 0)
			return true;
	return false;
}

/* What every result has, around what the verb added. */
static int print_result(const struct run *run, enum exit_code code, struct json_object *errors,
	struct json_object *warnings)
{
	json_object_object_add(run->result, "exit_code", json_object_new_int((int)code));
	json_object_object_add(run->result, "errors", json_object_get(errors));
	json_object_object_add(run->result, "warnings", json_object_get(warnings));
	puts(json_object_to_json_string_ext(run->result, JSON_C_TO_STRING_PRETTY));
	return fflush(stdout) != 0 ? -EIO : 0;
}

static enum exit_code run_options(struct run *run)
{
	const struct options *options = run->options;
	struct waiting waiting = {.interrupt_fd = interrupt_open()};
	enum exit_code code;

	log_init("livengkupd", options->level);
	progress_init(&waiting.progress, options->level != LOG_QUIET);
	run->observer = (struct observer){on_progress, on_interrupted, &waiting};
	json_object_object_add(run->result, "verb", json_object_new_string(options->verb));
	json_object_object_add(run->result, "dry_run", json_object_new_boolean(options->dry_run));
	code = exit_code_of(run_verb(run));
	json_object_object_add(run->result, "changed", json_object_new_boolean(run->changed));
	return code;
}

int main(int argc, char **argv)
{
	struct options options;
	struct run run = {.options = &options, .host = {.root = ""}};
	struct json_object *errors, *warnings;
	enum exit_code code = EXIT_USAGE;

	if (open_standard_streams() < 0)
		return EXIT_FAILED;
	setlocale(LC_ALL, "");
	/* Whatever the user reads: file names are checked for being UTF-8, as JSON has to be. */
	setlocale(LC_CTYPE, "C.UTF-8");
	log_init("livengkupd", LOG_NORMAL);
	errors = json_object_new_array();
	warnings = json_object_new_array();
	run.result = json_object_new_object();
	json_object_object_add(run.result, "schema_version", json_object_new_int(SCHEMA_VERSION));
	log_set_sink(collect, errors);
	log_set_warning_sink(collect, warnings);

	switch (options_parse(argc, argv, verbs, &options)) {
	case OPTIONS_DONE:
		return EXIT_DONE;
	case OPTIONS_FAILED:
		return EXIT_FAILED;
	case OPTIONS_USAGE:
		break;
	case OPTIONS_RUN:
		code = run_options(&run);
		break;
	}
	log_set_sink(NULL, NULL);
	log_set_warning_sink(NULL, NULL);
	if ((wants_json(argv) ? print_result(&run, code, errors, warnings) : fflush(stdout)) != 0 &&
		code == EXIT_DONE) {
		log_error("cannot write the result: %m");
		code = EXIT_FAILED;
	}
	json_object_put(errors);
	json_object_put(warnings);
	json_object_put(run.result);
	return (int)code;
}
