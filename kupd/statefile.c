/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "statefile.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "base/util.h"
#include "program/exitcode.h"

#define FOLDER	  "/run/liveng"
#define FILE_NAME FOLDER "/status.json"
#define LOCK_NAME FOLDER "/status.lock"

/* Add the member @name of @from, if it has that, to @to. */
static void share(const struct json_object *from, const char *name, struct json_object *to)
{
	struct json_object *value;

	if (json_object_object_get_ex(from, name, &value))
		json_object_object_add(to, name, json_object_get(value));
}

/* What the verb did, for `last`. */
static struct json_object *describe(
	const struct kupd_run *run, struct json_object *errors, int result)
{
	struct json_object *last = json_object_new_object();

	share(run->result, "verb", last);
	share(run->result, "release", last);
	share(run->result, "changed", last);
	json_object_object_add(last, "date", json_object_new_int64(time(NULL)));
	json_object_object_add(last, "exit_code", json_object_new_int((int)exit_code_of(result)));
	json_object_object_add(last, "errors", json_object_get(errors));
	return last;
}

/* What `status` said, without what is of that run alone. */
static struct json_object *copy_of(struct json_object *result)
{
	static const char *const own[] = {"schema_version", "verb", "dry_run", "changed"};
	struct json_object *copy = NULL;

	if (json_object_deep_copy(result, &copy, NULL) < 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		json_object_object_del(copy, own[i]);
	return copy;
}

/* What `status` says now; NULL: it cannot be read. */
static struct json_object *look(const struct kupd_run *run)
{
	struct kupd_options options = *run->options;
	struct kupd_run again = *run;
	int r;

	options.json = true;
	options.root = "";
	options.has_root = false;
	again.options = &options;
	again.result = json_object_new_object();
	/* The verb has said what is wrong. */
	log_init("livengkupd", LOG_SILENT);
	r = status_verb(&again);
	log_init("livengkupd", options.level);
	if (r < 0) {
		json_object_put(again.result);
		return NULL;
	}
	return again.result;
}

static int write_text(const char *path, const char *text)
{
	autofree char *new_path = text_new("%s.new", path);
	autoclose int fd = -1;
	int r;

	if (!new_path)
		return -ENOMEM;
	(void)unlink(new_path);
	fd = open(new_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0 || fchmod(fd, 0644) < 0)
		return -errno;
	r = file_write(fd, text, strlen(text), 0);
	return r == 0 && rename(new_path, path) < 0 ? -errno : r;
}

/* Of two runs the one that looks last writes last. Only root can open the file. */
static int lock(const struct kupd_run *run)
{
	autofree char *path = text_new("%s" LOCK_NAME, run->host.root);
	autoclose int fd = -1;

	if (path)
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd >= 0 && flock(fd, LOCK_EX) == 0 ? steal_fd(&fd) : -1;
}

/* The new content, given the one of @before. */
static struct json_object *compose(const struct kupd_run *run, struct json_object *errors,
	int result, const struct json_object *before)
{
	const char *verb = run->options->verb->name;
	const bool is_status = strcmp(verb, "status") == 0;
	struct json_object *state = NULL, *last = NULL;

	if (is_status && result == 0 && run->options->json && !run->options->has_root)
		state = copy_of(run->result);
	else if (result == 0 || !is_status)
		state = look(run);
	if (!state) {
		state = json_object_new_object();
		json_object_object_add(state, "errors", json_object_get(errors));
	}
	share(run->result, "schema_version", state);
	if (!is_status && strcmp(verb, "verify") != 0)
		last = describe(run, errors, result);
	else if (json_object_object_get_ex(before, "last", &last))
		last = json_object_get(last);
	json_object_object_add(state, "last", last);
	return state;
}

void statefile_write(const struct kupd_run *run, struct json_object *errors, int result)
{
	const struct kupd_options *options = run->options;
	autofree char *folder = text_new("%s" FOLDER, run->host.root);
	autofree char *path = text_new("%s" FILE_NAME, run->host.root);
	struct json_object *state, *before;
	autoclose int lock_fd = -1;
	int r;

	if (!folder || !path || options->target != STICK_RUNNING || options->dry_run ||
		options->is_short || geteuid() != 0 || result == -ERR_NOT_STICK)
		return;
	(void)mkdir(folder, 0755);
	lock_fd = lock(run);
	before = json_object_from_file(path);
	state = compose(run, errors, result, before);
	r = write_text(path, json_object_to_json_string_ext(state,
				     JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	if (r < 0)
		log_debug("%s: %s", path, error_text(r));
	json_object_put(state);
	json_object_put(before);
}
