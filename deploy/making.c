/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "making.h"

#include <fcntl.h>

#include "confirm.h"
#include "job.h"
#include "log.h"
#include "report.h"
#include "util.h"

void making_clear(struct making *making)
{
	close_fd(&making->turn_fd);
	passphrase_freep(&making->passphrase);
	plan_clear(&making->plan);
}

/* A key takes much memory for a second or two: several processes take turns. */
static int make_persistence(const struct making *making, struct job *job)
{
	const bool takes_turns = making->passphrase && making->turn_fd >= 0;
	struct flock turn = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int r;

	if (takes_turns)
		(void)fcntl(making->turn_fd, F_SETLKW, &turn);
	r = job_make_persistence(job, making->passphrase);
	turn.l_type = F_UNLCK;
	if (takes_turns)
		(void)fcntl(making->turn_fd, F_SETLK, &turn);
	return r;
}

static void show_plan(
	const struct job *job, const struct target *target, const struct confirm_wish *wish)
{
	confirm_show(stdout, target, wish);
	report_print(job, target->path, stdout);
	puts("nothing was written");
}

int making_run(const struct making *making, struct target *target, const struct observer *observer,
	struct json_object *result)
{
	const struct plan *plan = &making->plan;
	const struct options *options = making->options;
	const struct confirm_wish wish = {
		.keeps_persistence = options->persistence == PERSISTENCE_KEPT};
	cleanup(job_clear) struct job job = {.esp_fd = -1};
	bool has_persistence;
	int r = 0;

	if (!options->dry_run)
		r = target_open(making->host, target);
	if (r == 0)
		r = job_make(plan, target->path, target->size,
			options->persistence == PERSISTENCE_ENCRYPTED, &job);
	if (r < 0)
		return r;
	report_json(&job, result);
	json_object_object_add(result, "lost", confirm_json(target, &wish));
	if (options->dry_run) {
		if (!options->json)
			show_plan(&job, target, &wish);
		return 0;
	}
	if (log_shows(LOG_VERBOSE))
		report_print(&job, target->path, stderr);
	r = make_persistence(making, &job);
	if (r == 0 && observer_interrupted(observer)) {
		log_error("interrupted: nothing was written");
		r = -EINTR;
	}
	if (r == 0)
		r = target_resize(target);
	if (r == 0)
		r = job_write(&job, target->disk, observer);
	if (r < 0)
		return r;
	target_keep(target);
	if (disk_is_block_device(target->disk) && disk_reread_table(target->disk) < 0)
		log_warning("%s: the kernel still goes by the old table: pull the stick out and "
			    "put it in again",
			target->path);
	has_persistence = job.layout.partitions[STICK_PERSISTENCE].size > 0;
	log_info("%s: %s, kernel %s, %s%s: ready to boot", target->path, image_name(plan->image),
		plan->set.candidate->release, has_persistence ? "persistence " : "no persistence",
		has_persistence ? report_persistence(&job) : "");
	return 0;
}
