/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "bootmark.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/text.h"
#include "base/util.h"
#include "machine/live.h"

#define WRITTEN_FOLDER "/run/liveng"
#define WRITTEN_FILE   WRITTEN_FOLDER "/written"

/* Does the system run from it? */
static bool is_in_use(const struct kupd_run *run, const struct stick *stick)
{
	struct device_disks disks = {0};

	if (run->options->target == STICK_RUNNING)
		return true;
	if (!disk_is_block_device(stick->disk) || live_disks(&run->host, &disks) < 0)
		return false;
	for (size_t i = 0; i < disks.n; i++)
		if (disks.list[i] == disk_devno(stick->disk))
			return true;
	return false;
}

void bootmark_set_written(const struct kupd_run *run, const struct stick *stick)
{
	autofree char *folder = text_new("%s" WRITTEN_FOLDER, run->host.root);
	autofree char *file = text_new("%s" WRITTEN_FILE, run->host.root);
	autoclose int fd = -1;

	if (!folder || !file || !is_in_use(run, stick))
		return;
	(void)mkdir(folder, 0755);
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		log_debug("%s: %m", file);
}

bool bootmark_is_written(const char *root)
{
	autofree char *file = text_new("%s" WRITTEN_FILE, root);

	return file && access(file, F_OK) == 0;
}
