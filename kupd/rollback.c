/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "rollback.h"
#include "assessment.h"

#include "log.h"
#include "marker.h"
#include "run.h"
#include "util.h"

int rollback_check(const struct stick *stick, const struct inventory *inventory,
	const struct observer *observer)
{
	int r;

	if (!inventory->has_previous) {
		log_error("%s: there is no previous kernel set to go back to", stick->name);
		return -ERR_REFUSED;
	}
	r = set_verify(stick->disk, &inventory->previous, observer);
	if (r == -ENOKEY) {
		log_warning("%s: the previous kernel set, %s, has no checksums to compare",
			stick->name, inventory->previous.release);
		return 0;
	}
	if (r == -ERR_VERIFY) {
		log_error("%s: the previous kernel set, %s, is damaged", stick->name,
			inventory->previous.release);
		return r;
	}
	if (r == -EINTR) {
		log_error("interrupted: nothing was changed");
	} else if (r < 0) {
		errno = -r;
		log_error("%s: cannot read the previous kernel set: %m", stick->name);
	}
	return r;
}

int rollback_switch(struct stick *stick, const struct inventory *inventory)
{
	int tries = assessment_tries(stick);
	int r;

	/* A trial without boots left would go to the fallback: give it its boots again. */
	r = assessment_set(stick, tries == 0 ? ASSESSMENT_TRIES : tries, false);
	if (r < 0)
		return r;
	r = slot_commit(stick->disk, stick_kernel(stick), &inventory->previous_pvd);
	if (r < 0) {
		errno = -r;
		log_error("%s: cannot switch to the previous kernel set: %m", stick->name);
		return r;
	}
	return assessment_set(stick, -1, false);
}

int rollback_verb(struct run *run)
{
	cleanup(inventory_close) struct inventory inventory = {0};
	cleanup(stick_closep) struct stick *stick = NULL;
	const struct options *options = run->options;
	int r;

	r = run_open_stick(run, !options->dry_run, &stick);
	if (r == 0)
		r = inventory_read(stick, &inventory);
	if (r == 0)
		r = rollback_check(stick, &inventory, &run->observer);
	if (r == 0)
		r = stick_release_mounts(stick, &run->host, options->dry_run);
	if (r < 0)
		return r;

	run_add(run, "release", inventory.previous.release);
	if (options->dry_run) {
		log_info("%s: would switch back to %s", stick->name, inventory.previous.release);
		return 0;
	}
	r = rollback_switch(stick, &inventory);
	if (r < 0)
		return r;
	if (options->target == STICK_RUNNING)
		marker_set_written(run->host.root);
	stick_refresh_cache(stick, &run->host);
	log_info("%s: the next boot runs %s again", stick->name, inventory.previous.release);
	return 0;
}
