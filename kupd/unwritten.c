/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "unwritten.h"

#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "base/util.h"

#define FILE_NAME "/var/lib/liveng/refused"

static bool read_line(FILE *stream, char *line, int size)
{
	if (!fgets(line, size, stream))
		return false;
	line[strcspn(line, "\n")] = '\0';
	text_make_safe(line);
	return true;
}

bool unwritten_read(const struct kupd_run *run, struct unwritten *ret_unwritten)
{
	const struct kupd_options *options = run->options;
	autofree char *path = text_new("%s" FILE_NAME, options->root);
	cleanup(close_file) FILE *stream = NULL;
	struct unwritten unwritten = {.reason = ""};

	if (path && run_knows_system(run))
		stream = fopen(path, "re");
	if (!stream || !read_line(stream, unwritten.release, sizeof(unwritten.release)))
		return false;
	(void)read_line(stream, unwritten.reason, sizeof(unwritten.reason));
	*ret_unwritten = unwritten;
	return true;
}

void unwritten_forget(const struct kupd_run *run, const char *release)
{
	autofree char *path = text_new("%s" FILE_NAME, run->options->root);
	struct unwritten unwritten;

	if (!path || !unwritten_read(run, &unwritten) || strcmp(unwritten.release, release) != 0)
		return;
	if (unlink(path) < 0 && errno != ENOENT)
		log_warning("%s: cannot be removed: %s", path, error_text(errno));
}
