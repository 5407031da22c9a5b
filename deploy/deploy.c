/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The verb: an image becomes a stick, or several. First everything is read, checked and asked, then
 * the targets are opened, and only then are they written. Until then a target that is refused, it
 * may be a slip of the hand, keeps all others from being written, too; after that each is on its
 * own.
 *
 * Who does what: deploy has all targets; plan what all of them are made of; making one target from
 * its plan to the last word; job what goes where on it, and in which order; output the bytes.
 */

#include <string.h>
#include <sys/mman.h>

#include "confirm.h"
#include "program/exitcode.h"
#include "base/log.h"
#include "newstick.h"
#include "progressfd.h"
#include "program/program.h"
#include "report.h"
#include "run.h"
#include "sources.h"
#include "workers.h"
#include "base/util.h"

/* A target, and what became of it. */
struct stick_to_be {
	struct target target;
	struct job job;
	int error;
	struct json_object *result; /* what JSON says of it; NULL once it was handed on */
};

struct deploy {
	struct run *run;
	struct making making;
	struct stick_to_be *sticks;
	size_t n;
	bool has_begun; /* to write */
};

static void deploy_clear(struct deploy *deploy)
{
	for (size_t i = 0; i < deploy->n; i++) {
		job_clear(&deploy->sticks[i].job);
		target_close(&deploy->sticks[i].target);
		json_object_put(deploy->sticks[i].result);
	}
	free(deploy->sticks);
	making_clear(&deploy->making);
}

static size_t count_good(const struct deploy *deploy)
{
	size_t n = 0;

	for (size_t i = 0; i < deploy->n; i++)
		n += deploy->sticks[i].error == 0;
	return n;
}

/* All that is in one list, to the end of another. */
static void append(struct json_object *to, struct json_object *from, size_t first)
{
	for (size_t i = first; i < json_object_array_length(from); i++)
		json_object_array_add(to, json_object_get(json_object_array_get_idx(from, i)));
}

/*
 * The steps, for target number @i each.
 */

static int read_step(struct deploy *deploy, size_t i)
{
	const struct options *options = deploy->run->options;
	const struct sources sources = sources_of(options);
	struct stick_to_be *sticks = deploy->sticks;
	const char *path = options->targets[i];
	int r;

	json_object_object_add(sticks[i].result, "target", program_text(path));
	r = target_read(&deploy->run->host, path, options->size, &sticks[i].target);
	if (r == 0)
		r = sources_check_target(&sources, &sticks[i].target);
	for (size_t k = 0; r == 0 && k < i; k++) {
		if (sticks[k].error == 0 && target_is_same(&sticks[k].target, &sticks[i].target)) {
			log_error("%s: is the same as %s: name each target once", path,
				options->targets[k]);
			r = -ERR_REFUSED;
		}
	}
	return r;
}

static int check_step(struct deploy *deploy, size_t i)
{
	const struct options *options = deploy->run->options;
	const struct sources sources = sources_of(options);
	const struct drive_rules rules = {options->allow_fixed, options->allow_large,
		plan_needed(&deploy->making.plan), sources.paths};

	return target_check(&deploy->run->host, &deploy->sticks[i].target, &rules);
}

static int plan_step(struct deploy *deploy, size_t i)
{
	struct stick_to_be *stick = &deploy->sticks[i];

	return making_plan(&deploy->making, &stick->target, &stick->job, stick->result);
}

static int confirm_step(struct deploy *deploy, size_t i)
{
	const struct stick_to_be *stick = &deploy->sticks[i];

	/* After a no there is nothing left to ask. */
	if (count_good(deploy) < deploy->n)
		return 0;
	return confirm(
		&stick->target, &stick->job, deploy->run->options->yes, &deploy->run->observer);
}

static int open_step(struct deploy *deploy, size_t i)
{
	struct stick_to_be *stick = &deploy->sticks[i];

	return making_open(&deploy->making, &stick->target, &stick->job);
}

static int show_step(struct deploy *deploy, size_t i)
{
	const struct stick_to_be *stick = &deploy->sticks[i];

	confirm_show(stdout, &stick->target, &stick->job);
	report_print(&stick->job, stick->target.path, stdout);
	puts("nothing was written");
	return 0;
}

/* Who waits for one target alone: the terminal, and --progress-fd. */
struct watch {
	const struct observer *observer;
	struct meter meter;
};

static void on_progress(void *data, const char *phase, uint64_t done, uint64_t total)
{
	struct watch *watch = data;

	observer_progress(watch->observer, phase, done, total);
	meter_update(&watch->meter, phase, done, total);
}

static bool on_interrupted(void *data)
{
	return observer_interrupted(((struct watch *)data)->observer);
}

static int make_step(struct deploy *deploy, size_t i)
{
	struct stick_to_be *stick = &deploy->sticks[i];
	struct watch watch = {.observer = &deploy->run->observer};
	const struct observer observer = {on_progress, on_interrupted, &watch};

	meter_init(&watch.meter, deploy->run->options->progress_fd, stick->target.path);
	return making_write(&deploy->making, &stick->target, &stick->job, &observer);
}

/* What is in such a list from number @first on was said of this target. */
static void add_own(
	struct stick_to_be *stick, const char *name, struct json_object *list, size_t first)
{
	struct json_object *own;

	if (json_object_object_get_ex(stick->result, name, &own))
		append(own, list, first);
}

/* Do a step for all targets: what is wrong with any of them is told at once. False if there is
 * something. */
static bool for_each(struct deploy *deploy, int (*step)(struct deploy *deploy, size_t i))
{
	const struct run *run = deploy->run;

	for (size_t i = 0; i < deploy->n; i++) {
		struct stick_to_be *stick = &deploy->sticks[i];
		size_t n_errors = json_object_array_length(run->errors);
		size_t n_warnings = json_object_array_length(run->warnings);

		stick->error = step(deploy, i);
		add_own(stick, "errors", run->errors, n_errors);
		add_own(stick, "warnings", run->warnings, n_warnings);
	}
	return count_good(deploy) == deploy->n;
}

/*
 * Several at the same time.
 */

/* In a process of its own. */
static int make_in_team(void *data, size_t i, const struct observer *observer)
{
	struct deploy *deploy = data;
	struct stick_to_be *stick = &deploy->sticks[i];
	int r;

	r = making_write(&deploy->making, &stick->target, &stick->job, observer);
	target_close(&stick->target);
	return r;
}

static void take_said(struct stick_to_be *stick, const char *name, const struct team_member *member,
	struct json_object *all)
{
	struct json_object *said;

	if (!json_object_object_get_ex(member->said, name, &said))
		return;
	append(all, said, 0);
	add_own(stick, name, said, 0);
}

static void take_over(struct deploy *deploy, struct stick_to_be *stick, struct team_member *member)
{
	stick->error = member->error;
	if (stick->error == 0)
		target_keep(&stick->target);
	take_said(stick, "errors", member, deploy->run->errors);
	take_said(stick, "warnings", member, deploy->run->warnings);
	json_object_put(member->said);
}

static int make_together(struct deploy *deploy)
{
	const struct team_wish wish = {
		.observer = &deploy->run->observer,
		.progress_fd = deploy->run->options->progress_fd,
		.draws = log_shows(LOG_NORMAL) && isatty(STDERR_FILENO),
	};
	autofree struct team_member *members = calloc(deploy->n, sizeof(*members));
	int r;

	if (!members)
		return -ENOMEM;
	deploy->making.turn_fd = memfd_create("turn", MFD_CLOEXEC);
	for (size_t i = 0; i < deploy->n; i++)
		members[i].name = deploy->sticks[i].target.path;
	r = team_run(members, deploy->n, make_in_team, deploy, &wish);
	for (size_t i = 0; r == 0 && i < deploy->n; i++)
		take_over(deploy, &deploy->sticks[i], &members[i]);
	return r;
}

static int get_passphrase(struct deploy *deploy)
{
	const struct options *options = deploy->run->options;
	enum passphrase_source source = PASSPHRASE_PROMPT;

	if (options->persistence != PERSISTENCE_ENCRYPTED)
		return 0;
	if (options->passphrase_file)
		source = PASSPHRASE_FILE;
	else if (options->passphrase_fd >= 0)
		source = PASSPHRASE_FD;
	return passphrase_get(source, options->passphrase_file, options->passphrase_fd,
		&deploy->making.passphrase);
}

/* What ends this ends all of it, and is no target's own. */
static int deploy_all(struct deploy *deploy)
{
	const struct options *options = deploy->run->options;
	int r;

	r = sources_check_image(options);
	if (r < 0)
		return r;
	if (!for_each(deploy, read_step))
		return 0;
	r = plan_make(options, options->persistence == PERSISTENCE_ENCRYPTED,
		&deploy->run->observer, &deploy->making.plan);
	if (r < 0)
		return r;
	if (!for_each(deploy, check_step) || !for_each(deploy, plan_step))
		return 0;
	if (options->dry_run) {
		r = options_name_passphrase(options) ? get_passphrase(deploy) : 0;
		if (r == 0 && !options->json)
			for_each(deploy, show_step);
		return r;
	}
	if (!for_each(deploy, confirm_step))
		return 0;
	r = get_passphrase(deploy);
	if (r < 0 || !for_each(deploy, open_step))
		return r;
	deploy->has_begun = true;
	if (deploy->n > 1)
		return make_together(deploy);
	for_each(deploy, make_step);
	return 0;
}

/* 0, or the error of the first target that has one. */
static int tell_results(struct deploy *deploy)
{
	struct json_object *list = json_object_new_array();
	/* Good ones, too, for the sake of those that are not. */
	const bool is_held_back = !deploy->has_begun && count_good(deploy) < deploy->n;
	int error = 0;

	for (size_t i = 0; i < deploy->n; i++) {
		struct stick_to_be *stick = &deploy->sticks[i];

		json_object_object_add(stick->result, "exit_code",
			stick->error == 0 && is_held_back
				? NULL
				: json_object_new_int((int)exit_code_of(stick->error)));
		json_object_array_add(list, steal_pointer(stick->result));
		if (error == 0)
			error = stick->error;
	}
	json_object_object_add(deploy->run->result, "targets", list);
	if (is_held_back && deploy->n > 1)
		log_info("nothing was written to any of the %zu targets", deploy->n);
	else if (deploy->n > 1 && error != 0)
		log_info("%zu of %zu targets are ready to boot", count_good(deploy), deploy->n);
	return error;
}

int deploy_verb(struct run *run)
{
	cleanup(deploy_clear) struct deploy deploy = {
		.run = run,
		.making = {.options = run->options, .host = &run->host, .turn_fd = -1},
		.sticks = calloc(run->options->n_targets, sizeof(*deploy.sticks)),
	};
	int r;

	if (!deploy.sticks)
		return -ENOMEM;
	for (; deploy.n < run->options->n_targets; deploy.n++) {
		struct stick_to_be *stick = &deploy.sticks[deploy.n];

		stick->job.esp_fd = -1;
		stick->result = json_object_new_object();
		json_object_object_add(stick->result, "errors", json_object_new_array());
		json_object_object_add(stick->result, "warnings", json_object_new_array());
	}
	r = deploy_all(&deploy);
	if (r == -EINTR)
		log_error("interrupted: nothing was written");
	return r < 0 ? r : tell_results(&deploy);
}
