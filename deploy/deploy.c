/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The verb: an image becomes a stick. First everything is read, checked and asked, then the target
 * is opened, then what is to be written is made, and only then is it written.
 */

#include <string.h>

#include "confirm.h"
#include "job.h"
#include "log.h"
#include "report.h"
#include "run.h"
#include "target.h"
#include "util.h"

static int get_passphrase(const struct options *options, struct passphrase **ret_passphrase)
{
	enum passphrase_source source = PASSPHRASE_PROMPT;

	if (options->persistence != PERSISTENCE_ENCRYPTED || options->dry_run)
		return 0;
	if (options->passphrase_file)
		source = PASSPHRASE_FILE;
	else if (options->passphrase_fd >= 0)
		source = PASSPHRASE_FD;
	return passphrase_get(
		source, options->passphrase_file, options->passphrase_fd, ret_passphrase);
}

static int deploy_to(struct run *run, const struct plan *plan, struct target *target,
	const struct passphrase *passphrase, struct json_object *result)
{
	const struct options *options = run->options;
	cleanup(job_clear) struct job job = {.esp_fd = -1};
	int r = 0;

	if (!options->dry_run)
		r = target_open(&run->host, target);
	if (r == 0)
		r = job_make(plan, &run->host, target->path, target->size,
			options->persistence == PERSISTENCE_ENCRYPTED, &job);
	if (r < 0)
		return r;
	report_json(&job, result);
	if (options->dry_run) {
		if (!options->json)
			report_print(&job, target->path, stdout);
		return 0;
	}
	if (log_shows(LOG_VERBOSE))
		report_print(&job, target->path, stderr);
	r = job_make_persistence(&job, passphrase);
	if (r == 0)
		r = job_write(&job, target->disk, &run->observer);
	if (r < 0)
		return r;
	target_keep(target);
	if (disk_is_block_device(target->disk) && disk_reread_table(target->disk) < 0)
		log_warning("%s: the kernel still goes by the old table: pull the stick out and "
			    "put it in again",
			target->path);
	log_info("%s: %s, kernel %s, persistence %s: ready to boot", target->path,
		image_name(plan->image), plan->set.candidate->release, report_persistence(&job));
	return 0;
}

int deploy_verb(struct run *run)
{
	const struct options *options = run->options;
	cleanup(passphrase_freep) struct passphrase *passphrase = NULL;
	cleanup(plan_clear) struct plan plan = {0};
	cleanup(target_close) struct target target = {0};
	const struct confirm_wish wish = {options->yes, options->persistence == PERSISTENCE_KEPT};
	int r;

	r = target_read(&run->host, options->targets[0], options->size, &target);
	if (r == 0)
		r = plan_make(options, options->persistence == PERSISTENCE_ENCRYPTED,
			&run->observer, &plan);
	if (r < 0)
		return r;
	r = target_check(&run->host, &target,
		&(struct drive_rules){
			options->allow_fixed, options->allow_large, plan_needed(&plan)});
	if (r == 0 && !options->dry_run)
		r = confirm(&target, 1, &wish, &run->observer);
	if (r == 0)
		r = get_passphrase(options, &passphrase);
	if (r < 0)
		return r;
	return deploy_to(run, &plan, &target, passphrase, run->result);
}
