/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "tempfile.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "file.h"
#include "log.h"
#include "text.h"
#include "util.h"

const char *tempfile_folder(void)
{
	const char *folder = getenv("TMPDIR");

	return folder && *folder ? folder : "/tmp";
}

int tempfile_open(int *ret_fd)
{
	const char *folder = tempfile_folder();
	autofree char *name = NULL;
	int fd;

	fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	/* Not every file system supports O_TMPFILE. */
	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
		name = text_new("%s/liveng-XXXXXX", folder);
		if (!name)
			return -ENOMEM;
		fd = mkostemp(name, O_CLOEXEC);
		if (fd >= 0)
			unlink(name);
	}
	if (fd < 0)
		return refuse(-errno, "%s: cannot make a temporary file: %s: set TMPDIR", folder,
			error_text(errno));
	*ret_fd = fd;
	return 0;
}

int tempfile_in_memory(uint64_t size, int *ret_fd)
{
	autoclose int fd = memfd_create("liveng", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		return -errno;
	*ret_fd = steal_fd(&fd);
	return 0;
}

int tempfile_with(const void *content, size_t size, int *ret_fd)
{
	autoclose int fd = -1;
	int r;

	r = tempfile_in_memory(0, &fd);
	if (r == 0)
		r = file_write(fd, content, size, 0);
	if (r == 0)
		*ret_fd = steal_fd(&fd);
	return r;
}

void tempfile_path(int fd, char ret_path[64])
{
	snprintf(ret_path, 64, "/proc/%ld/fd/%d", (long)getpid(), fd);
}
