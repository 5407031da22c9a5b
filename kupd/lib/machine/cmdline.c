/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "cmdline.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "base/util.h"

int cmdline_read(const char *root, char **ret_line)
{
	autofree char *path = text_new("%s/proc/cmdline", root);

	return path ? file_read_text(path, '\0', ret_line) : -ENOMEM;
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
