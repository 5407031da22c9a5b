/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "marker.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "log.h"
#include "util.h"

#define WRITTEN_FOLDER "/run/liveng"
#define WRITTEN_FILE   WRITTEN_FOLDER "/written"
#define FAILED_FOLDER  "/var/lib/liveng"
#define FAILED_FILE    FAILED_FOLDER "/failed"

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

static int sync_folder(const char *path)
{
	autoclose int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int marker_set_failed(const char *root, const char *release, const char *reason)
{
	autofree char *folder = below(root, FAILED_FOLDER);
	autofree char *file = below(root, FAILED_FILE);
	autofree char *new_file = below(root, FAILED_FILE ".new");
	autofree char *text = NULL;
	autoclose int fd = -1;

	if (!folder || !file || !new_file || asprintf(&text, "%s: %s\n", release, reason) < 0)
		return -ENOMEM;
	if (mkdir(folder, 0755) < 0 && errno != EEXIST)
		return -errno;
	fd = open(new_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text) || fsync(fd) < 0)
		return errno ? -errno : -EIO;
	if (close(steal_fd(&fd)) < 0 || rename(new_file, file) < 0)
		return -errno;
	return sync_folder(folder);
}

int marker_get_failed(const char *root, char *ret_text, size_t size)
{
	autofree char *file = below(root, FAILED_FILE);
	cleanup(close_file) FILE *stream = file ? fopen(file, "re") : NULL;
	char *end;

	if (!stream || size == 0 || !fgets(ret_text, (int)size, stream))
		return -ENOENT;
	end = strchr(ret_text, '\n');
	if (end)
		*end = 0;
	return 0;
}
