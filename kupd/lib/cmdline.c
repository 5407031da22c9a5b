/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "cmdline.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "text.h"
#include "util.h"

int cmdline_read(const char *root, char **ret_line)
{
	cleanup(close_file) FILE *file = NULL;
	autofree char *path = text_new("%s/proc/cmdline", root);
	autofree char *line = NULL;
	size_t size = 0;

	if (!path)
		return -ENOMEM;
	file = fopen(path, "re");
	if (!file)
		return -errno;
	if (getdelim(&line, &size, '\0', file) < 0) {
		if (ferror(file))
			return -EIO;
		free(line); /* getdelim() may have got it before it saw the end */
		line = strdup("");
		if (!line)
			return -ENOMEM;
	}
	*ret_line = steal_pointer(line);
	return 0;
}

char *cmdline_next(char **cursor)
{
	char *word = *cursor + strspn(*cursor, " \t\n");
	char *end = word;
	bool is_quoted = false;

	if (!*word)
		return NULL;
	for (; *end && (is_quoted || !isspace((unsigned char)*end)); end++)
		is_quoted ^= *end == '"';
	*cursor = end + (*end != '\0');
	*end = '\0';
	return word;
}
