/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "newstick.h"

#include <fcntl.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "build.h"
#include "confirm.h"
#include "program/json.h"
#include "progressfd.h"
#include "report.h"

static void clear_stick(struct newstick *stick)
{
	stick_plan_clear(&stick->plan);
	target_close(&stick->target);
	json_object_put(stick->result);
}

int newstick_shared_init(struct newstick_shared *shared, const struct deploy_run *run)
{
	const size_t n = run->options->n_targets;

	*shared = (struct newstick_shared){
		.run = run, .key_lock_fd = -1, .sticks = calloc(n, sizeof(*shared->sticks))};
	if (!shared->sticks)
		return -ENOMEM;
	for (; shared->n < n; shared->n++) {
		struct newstick *stick = &shared->sticks[shared->n];

		*stick = (struct newstick){
			.shared = shared,
			.path = run->options->targets[shared->n],
			.plan.esp_fd = -1,
			.result = json_object_new_object(),
		};
		json_object_object_add(stick->result, "errors", json_object_new_array());
		json_object_object_add(stick->result, "warnings", json_object_new_array());
	}
	return 0;
}

void newstick_shared_clear(struct newstick_shared *shared)
{
	for (size_t i = 0; i < shared->n; i++)
		clear_stick(&shared->sticks[i]);
	free(shared->sticks);
	close_fd(&shared->key_lock_fd);
	passphrase_freep(&shared->passphrase);
	inputs_close(&shared->inputs);
}

size_t newstick_count_good(const struct newstick_shared *shared)
{
	size_t n = 0;

	for (size_t i = 0; i < shared->n; i++)
		n += shared->sticks[i].error == 0;
	return n;
}

static int check_named_once(const struct newstick *stick)
{
	for (const struct newstick *other = stick->shared->sticks; other < stick; other++)
		if (other->error == 0 && target_is_same(&other->target, &stick->target))
			return refuse(-ERR_REFUSED, "%s: is the same as %s: name each target once",
				stick->path, other->path);
	return 0;
}

int newstick_read(struct newstick *stick)
{
	const struct deploy_run *run = stick->shared->run;
	int r;

	log_step("looking at %s", stick->path);
	json_object_object_add(stick->result, "target", json_text(stick->path));
	r = target_read(&run->host, stick->path, run->options->size, &stick->target);
	if (r == 0)
		r = inputs_check_target(run->options, &stick->target);
	return r == 0 ? check_named_once(stick) : r;
}

bool newstick_holds_encrypted(const struct newstick *stick)
{
	const struct contents_partition *partition =
		contents_partition(&stick->target.contents, STICK_PERSISTENCE);

	return partition && strcmp(partition->identity.type, "crypto_LUKS") == 0;
}

int newstick_check(struct newstick *stick)
{
	const struct deploy_run *run = stick->shared->run;
	const struct input_paths inputs = inputs_paths(run->options);
	const struct drive_rules rules = {
		.allow_fixed = run->options->allow_fixed,
		.allow_large = run->options->allow_large,
		.needed = inputs_needed(&stick->shared->inputs),
		.sources = inputs.paths,
	};

	log_step("checking %s", stick->path);
	return target_check(&run->host, &stick->target, &rules);
}

int newstick_plan(struct newstick *stick)
{
	const struct newstick_shared *shared = stick->shared;
	const struct target *target = &stick->target;
	int r;

	log_step("planning %s", stick->path);
	r = stick_plan_make(&shared->inputs, stick->path, target->size,
		shared->run->options->persistence == PERSISTENCE_ENCRYPTED, &stick->plan);
	if (r < 0)
		return r;
	report_json(&stick->plan, stick->result);
	json_object_object_add(stick->result, "lost", confirm_json(target, &stick->plan));
	return 0;
}

int newstick_show(struct newstick *stick)
{
	confirm_show(stdout, &stick->target, &stick->plan);
	report_print(&stick->plan, stick->path, stdout);
	puts("nothing was written");
	return 0;
}

int newstick_confirm(struct newstick *stick)
{
	const struct newstick_shared *shared = stick->shared;
	const struct deploy_run *run = shared->run;

	if (newstick_count_good(shared) < shared->n)
		return 0;
	log_step("asking about %s", stick->path);
	return confirm(&stick->target, &stick->plan, run->options->yes, &run->observer);
}

int newstick_open(struct newstick *stick)
{
	int r;

	log_step("opening %s", stick->path);
	r = target_open(&stick->shared->run->host, &stick->target);
	return r == 0 ? stick_plan_check_kept(&stick->plan, stick->target.disk) : r;
}

/* Making a key takes a lot of memory for a second or two, so several processes take turns. */
static int begin(const struct newstick *stick, struct build *ret_build)
{
	const struct newstick_shared *shared = stick->shared;
	const bool takes_turns = shared->passphrase && shared->key_lock_fd >= 0;
	struct flock turn = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int r;

	log_step("making the file systems of %s", stick->path);
	if (takes_turns)
		(void)fcntl(shared->key_lock_fd, F_SETLKW, &turn);
	r = build_begin(&stick->plan, shared->passphrase, ret_build);
	turn.l_type = F_UNLCK;
	if (takes_turns)
		(void)fcntl(shared->key_lock_fd, F_SETLK, &turn);
	return r;
}

static void say_what_was_made(const struct newstick *stick)
{
	const struct stick_plan *plan = &stick->plan;
	const struct inputs *inputs = &stick->shared->inputs;
	const bool has_persistence = plan->layout.partitions[STICK_PERSISTENCE].size > 0;

	log_info("%s: %s, kernel %s, %s%s: ready to boot", stick->path, image_name(inputs->image),
		inputs->set.candidate->release, has_persistence ? "persistence " : "no persistence",
		has_persistence ? report_persistence(plan) : "");
}

int newstick_write(struct newstick *stick, const struct observer *observer)
{
	cleanup(build_clear) struct build build = {0};
	struct target *target = &stick->target;
	int r;

	if (log_shows(LOG_VERBOSE))
		report_print(&stick->plan, stick->path, stderr);
	r = begin(stick, &build);
	if (r == 0 && observer_interrupted(observer))
		return refuse(-EINTR, "interrupted: nothing was written");
	if (r == 0)
		r = target_resize(target);
	if (r == 0)
		r = build_write(&build, target->disk, observer);
	if (r < 0)
		return r;
	target_keep(target);
	if (disk_is_block_device(target->disk) && disk_reread_table(target->disk) < 0)
		log_warning(
			"%s: the kernel still uses the old partition table: unplug the stick and "
			"plug it in again",
			stick->path);
	say_what_was_made(stick);
	return 0;
}

/* The observers of a single stick. */
struct watch {
	const struct observer *observer;
	struct progressfd progressfd;
};

static void on_progress(void *data, const char *phase, uint64_t done, uint64_t total)
{
	struct watch *watch = data;

	observer_progress(watch->observer, phase, done, total);
	progressfd_update(&watch->progressfd, phase, done, total);
}

static bool on_interrupted(void *data)
{
	return observer_interrupted(((struct watch *)data)->observer);
}

int newstick_write_alone(struct newstick *stick)
{
	const struct deploy_run *run = stick->shared->run;
	struct watch watch = {.observer = &run->observer};
	const struct observer observer = {on_progress, on_interrupted, &watch};

	progressfd_init(&watch.progressfd, run->options->progress_fd, stick->path);
	return newstick_write(stick, &observer);
}
