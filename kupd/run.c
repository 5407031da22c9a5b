/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "run.h"

#include "base/log.h"
#include "base/util.h"
#include "program/json.h"
#include "stick/stickmount.h"

void run_add(struct kupd_run *run, const char *name, const char *value)
{
	json_object_object_add(run->result, name, value ? json_text(value) : NULL);
}

bool run_knows_system(const struct kupd_run *run)
{
	return run->options->target == STICK_RUNNING || run->options->has_root;
}

int run_open_stick(const struct kupd_run *run, unsigned int flags, struct stick **ret_stick)
{
	const struct kupd_options *options = run->options;

	log_step("opening the stick");
	return stick_open(&run->host, options->target, options->target_path, flags, &run->observer,
		ret_stick);
}

int run_failed(const struct stick *stick, const char *step, int error)
{
	switch (error) {
	case -EINTR:
		return error;
	case -ERR_VERIFY:
		return refuse(error,
			"%s: %s: the data read back differs, the medium may be failing",
			stick->name, step);
	case -ERR_SOURCE:
		return refuse(
			error, "%s: %s: kernel or initrd can no longer be read", stick->name, step);
	default:
		return report(error, "%s: %s", stick->name, step);
	}
}

int run_release_kernel(const struct kupd_run *run, const struct stick *stick)
{
	return stickmount_release(stick->disk, stick->is_whole ? STICK_KERNEL : 0, stick->name,
		&run->host, run->options->dry_run);
}

void run_refresh_kernel(const struct kupd_run *run, const struct stick *stick)
{
	if (stick->is_whole)
		stickmount_refresh(stick->disk, STICK_KERNEL, &run->host);
}
