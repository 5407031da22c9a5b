/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "marker.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "log.h"
#include "util.h"

#define WRITTEN_FOLDER "/run/liveng"
#define WRITTEN_FILE   WRITTEN_FOLDER "/written"

static char *below(const char *root, const char *path)
{
	char *full = NULL;

	return asprintf(&full, "%s%s", root, path) < 0 ? NULL : full;
}

void marker_set_written(const char *root)
{
	autofree char *folder = below(root, WRITTEN_FOLDER);
	autofree char *file = below(root, WRITTEN_FILE);
	autoclose int fd = -1;

	if (!folder || !file)
		return;
	(void)mkdir(folder, 0755);
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		log_debug("%s: %m", file);
}

bool marker_is_written(const char *root)
{
	autofree char *file = below(root, WRITTEN_FILE);

	return file && access(file, F_OK) == 0;
}
