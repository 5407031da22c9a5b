/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * For unit tests of functions that report: the last message, the content of standard error, and
 * unnamed files.
 */

#include "base/log.h"
#include "base/util.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

static char said[4096];
static unsigned int said_count;

static void note_error(void *data, const char *text)
{
	(void)data;
	said_count++;
	snprintf(said, sizeof(said), "%s", text);
}

/* From here on messages are kept, and not shown: there may be thousands. */
static inline int begin_listening(void)
{
	int old = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (old < 0 || null < 0)
		abort();
	fflush(stderr);
	dup2(null, STDERR_FILENO);
	close(null);
	said[0] = '\0';
	said_count = 0;
	log_set_sink(note_error, NULL);
	return old;
}

static inline void end_listening(int old)
{
	fflush(stderr);
	dup2(old, STDERR_FILENO);
	close(old);
	log_set_sink(NULL, NULL);
}

/* A file with this content. The caller closes it. */
static inline int file_with(const void *content, size_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	if (fd < 0 || (size > 0 && pwrite(fd, content, size, 0) != (ssize_t)size))
		abort();
	return fd;
}

/* Standard error, while it goes into a file. */
struct caught {
	int old;
	int file;
};

static inline struct caught begin_catching(void)
{
	struct caught caught = {dup(STDERR_FILENO), file_with("", 0)};

	if (caught.old < 0)
		abort();
	fflush(stderr);
	dup2(caught.file, STDERR_FILENO);
	return caught;
}

/* Its content, as much as fits. */
static inline void end_catching(struct caught *caught, char *ret_text, size_t size)
{
	ssize_t n;

	fflush(stderr);
	dup2(caught->old, STDERR_FILENO);
	close(caught->old);
	n = pread(caught->file, ret_text, size - 1, 0);
	if (n < 0)
		abort();
	ret_text[n] = '\0';
	close(caught->file);
}
