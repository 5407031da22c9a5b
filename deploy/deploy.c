/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The verb that turns an image into one or more sticks. First everything is read, checked and
 * asked, then the targets are opened, and only then are they written. Until then one refused target
 * (which may be a typing error) prevents all others from being written; after that each is on its
 * own.
 *
 * Who does what: deploy handles all targets; inputs what all of them are made from; newstick the
 * steps for one; plan what goes where on it; build writes it, in the right order; output writes the
 * bytes.
 */

#include "base/log.h"
#include "base/tempfile.h"
#include "base/util.h"
#include "newstick.h"
#include "program/exitcode.h"
#include "run.h"
#include "workers.h"

struct deploy {
	struct deploy_run *run;
	struct newstick_shared shared;
	bool has_begun; /* to write */
};

static void deploy_clear(struct deploy *deploy)
{
	newstick_shared_clear(&deploy->shared);
}

/* Append the elements of one list from number @first on to another. */
static void append(struct json_object *to, struct json_object *from, size_t first)
{
	for (size_t i = first; i < json_object_array_length(from); i++)
		json_object_array_add(to, json_object_get(json_object_array_get_idx(from, i)));
}

/* Add the messages from number @first on to this stick's own list. */
static void add_own(
	struct newstick *stick, const char *name, struct json_object *list, size_t first)
{
	struct json_object *own;

	if (json_object_object_get_ex(stick->result, name, &own))
		append(own, list, first);
}

/* Do a step for all sticks, so that the errors of all of them are reported at once. False if there
 * were any. */
static bool for_each(struct deploy *deploy, int (*step)(struct newstick *stick))
{
	const struct deploy_run *run = deploy->run;
	const struct newstick_shared *shared = &deploy->shared;

	for (size_t i = 0; i < shared->n; i++) {
		struct newstick *stick = &shared->sticks[i];
		size_t n_errors = json_object_array_length(run->errors);
		size_t n_warnings = json_object_array_length(run->warnings);

		stick->error = step(stick);
		if (stick->error < 0 && json_object_array_length(run->errors) == n_errors)
			report_step(stick->error);
		add_own(stick, "errors", run->errors, n_errors);
		add_own(stick, "warnings", run->warnings, n_warnings);
	}
	return newstick_count_good(shared) == shared->n;
}

/*
 * Writing several at the same time.
 */

/* Runs in a separate process. */
static int write_in_worker(void *data, size_t i, const struct observer *observer)
{
	struct newstick_shared *shared = data;
	struct newstick *stick = &shared->sticks[i];
	int r;

	r = newstick_write(stick, observer);
	target_close(&stick->target);
	return r;
}

static void take_said(struct newstick *stick, const char *name, const struct worker *worker,
	struct json_object *all)
{
	struct json_object *said;

	if (!json_object_object_get_ex(worker->said, name, &said))
		return;
	append(all, said, 0);
	add_own(stick, name, said, 0);
}

static void take_over(struct deploy *deploy, struct newstick *stick, struct worker *worker)
{
	stick->error = worker->error;
	if (stick->error == 0)
		target_keep(&stick->target);
	take_said(stick, "errors", worker, deploy->run->errors);
	take_said(stick, "warnings", worker, deploy->run->warnings);
	json_object_put(worker->said);
}

static int write_together(struct deploy *deploy)
{
	struct newstick_shared *shared = &deploy->shared;
	const struct workers_settings settings = {
		.observer = &deploy->run->observer,
		.progress_fd = deploy->run->options->progress_fd,
		.draws = log_shows(LOG_NORMAL) && isatty(STDERR_FILENO),
	};
	autofree struct worker *workers = calloc(shared->n, sizeof(*workers));
	int r;

	log_step("writing %zu targets", shared->n);
	if (!workers)
		return -ENOMEM;
	if (shared->passphrase) {
		r = tempfile_in_memory(0, &shared->key_lock_fd);
		if (r < 0)
			return report(r, "cannot make a lock in memory");
	}
	for (size_t i = 0; i < shared->n; i++)
		workers[i].name = shared->sticks[i].path;
	r = workers_run(workers, shared->n, write_in_worker, shared, &settings);
	for (size_t i = 0; r == 0 && i < shared->n; i++)
		take_over(deploy, &shared->sticks[i], &workers[i]);
	return r;
}

static int get_passphrase(struct deploy *deploy)
{
	const struct deploy_options *options = deploy->run->options;
	const struct inputs *inputs = &deploy->shared.inputs;
	struct passphrase **passphrase = &deploy->shared.passphrase;
	enum passphrase_source source = PASSPHRASE_PROMPT;
	int r;

	if (options->persistence != PERSISTENCE_ENCRYPTED)
		return 0;
	if (options->passphrase_file)
		source = PASSPHRASE_FILE;
	else if (options->passphrase_fd >= 0)
		source = PASSPHRASE_FD;
	log_step("reading the passphrase");
	r = passphrase_get(source, options->passphrase_file, options->passphrase_fd, passphrase);
	if (r == 0)
		passphrase_warn(
			*passphrase, inputs->added.has_keymap ? NULL : &inputs->settings.keyboard);
	return r;
}

/* Nothing is written before all targets were confirmed and opened (D1). An error returned here ends
 * everything, and does not belong to a single target. */
static int deploy_all(struct deploy *deploy)
{
	const struct deploy_options *options = deploy->run->options;
	struct newstick_shared *shared = &deploy->shared;
	bool opens = false;
	int r;

	log_step("opening %s", options->image);
	r = inputs_check_order(options);
	if (r < 0)
		return r;
	if (!for_each(deploy, newstick_read))
		return 0;
	for (size_t i = 0; options->persistence == PERSISTENCE_KEPT && i < shared->n; i++)
		opens = opens || newstick_holds_encrypted(&shared->sticks[i]);
	r = inputs_open(options, opens, &deploy->run->observer, &shared->inputs);
	if (r < 0)
		return r;
	if (!for_each(deploy, newstick_check) || !for_each(deploy, newstick_plan))
		return 0;
	if (options->dry_run) {
		r = deploy_options_name_passphrase(options) ? get_passphrase(deploy) : 0;
		if (r == 0 && !options->json)
			for_each(deploy, newstick_show);
		return r;
	}
	if (!for_each(deploy, newstick_confirm))
		return 0;
	r = get_passphrase(deploy);
	if (r < 0 || !for_each(deploy, newstick_open))
		return r;
	deploy->has_begun = true;
	if (shared->n > 1)
		return write_together(deploy);
	for_each(deploy, newstick_write_alone);
	return 0;
}

/* 0, or the error of the first target that has one. */
static int tell_results(struct deploy *deploy)
{
	const struct newstick_shared *shared = &deploy->shared;
	const size_t n_good = newstick_count_good(shared);
	struct json_object *list = json_object_new_array();
	/* Even good ones were not written, because others failed. */
	const bool is_held_back = !deploy->has_begun && n_good < shared->n;
	int error = 0;

	for (size_t i = 0; i < shared->n; i++) {
		struct newstick *stick = &shared->sticks[i];

		json_object_object_add(stick->result, "exit_code",
			stick->error == 0 && is_held_back
				? NULL
				: json_object_new_int((int)exit_code_of(stick->error)));
		json_object_array_add(list, steal_pointer(stick->result));
		if (error == 0)
			error = stick->error;
	}
	json_object_object_add(deploy->run->result, "targets", list);
	if (is_held_back && shared->n > 1)
		log_info("nothing was written to any of the %zu targets", shared->n);
	else if (shared->n > 1 && error != 0)
		log_info("%zu of %zu targets are ready to boot", n_good, shared->n);
	return error;
}

int deploy_verb(struct deploy_run *run)
{
	cleanup(deploy_clear) struct deploy deploy = {.run = run};
	int r;

	r = newstick_shared_init(&deploy.shared, run);
	if (r == 0)
		r = deploy_all(&deploy);
	if (r == -EINTR)
		return refuse(r, "interrupted: nothing was written");
	return r < 0 ? r : tell_results(&deploy);
}
