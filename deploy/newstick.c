/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "newstick.h"

#include <fcntl.h>

#include "confirm.h"
#include "base/log.h"
#include "report.h"
#include "base/util.h"

void making_clear(struct making *making)
{
	close_fd(&making->turn_fd);
	passphrase_freep(&making->passphrase);
	plan_clear(&making->plan);
}

/* A key takes much memory for a second or two: several processes take turns. */
static int prepare(const struct making *making, struct job *job)
{
	const bool takes_turns = making->passphrase && making->turn_fd >= 0;
	struct flock turn = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int r;

	if (takes_turns)
		(void)fcntl(making->turn_fd, F_SETLKW, &turn);
	r = job_prepare(job, making->passphrase);
	turn.l_type = F_UNLCK;
	if (takes_turns)
		(void)fcntl(making->turn_fd, F_SETLK, &turn);
	return r;
}

int making_plan(const struct making *making, const struct target *target, struct job *ret_job,
	struct json_object *result)
{
	const struct options *options = making->options;
	int r;

	r = job_make(&making->plan, target->path, target->size,
		options->persistence == PERSISTENCE_ENCRYPTED, ret_job);
	if (r < 0)
		return r;
	report_json(ret_job, result);
	json_object_object_add(result, "lost", confirm_json(target, ret_job));
	return 0;
}

int making_open(const struct making *making, struct target *target, const struct job *job)
{
	int r;

	r = target_open(making->host, target);
	return r == 0 ? job_check_kept(job, target->disk) : r;
}

int making_write(const struct making *making, struct target *target, struct job *job,
	const struct observer *observer)
{
	const struct plan *plan = &making->plan;
	const bool has_persistence = job->layout.partitions[STICK_PERSISTENCE].size > 0;
	int r;

	if (log_shows(LOG_VERBOSE))
		report_print(job, target->path, stderr);
	r = prepare(making, job);
	if (r == 0 && observer_interrupted(observer)) {
		log_error("interrupted: nothing was written");
		r = -EINTR;
	}
	if (r == 0)
		r = target_resize(target);
	if (r == 0)
		r = job_write(job, target->disk, observer);
	if (r < 0)
		return r;
	target_keep(target);
	if (disk_is_block_device(target->disk) && disk_reread_table(target->disk) < 0)
		log_warning("%s: the kernel still goes by the old table: pull the stick out and "
			    "put it in again",
			target->path);
	log_info("%s: %s, kernel %s, %s%s: ready to boot", target->path, image_name(plan->image),
		plan->set.candidate->release, has_persistence ? "persistence " : "no persistence",
		has_persistence ? report_persistence(job) : "");
	return 0;
}
