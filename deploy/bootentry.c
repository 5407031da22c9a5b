/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "bootentry.h"

#include <stdbool.h>
#include <string.h>

#include "util.h"

#define BLANKS " \t"

/* Parameters that name the medium or the persistence: the stick's own menu says those. */
static const char *const dropped[] = {"findiso", "fromiso", "live-media", "bootfrom", "persistence",
	"nopersistence", "persistence-encryption", "persistence-media", "persistence-label",
	"persistence-path", "persistence-storage", "persistence-read-only", "initrd", "BOOT_IMAGE",
	"---", "liveng-fallback", "liveng.boot"};

/* Is @word this word, or this word with a value? */
static bool is_parameter(const char *word, const char *name)
{
	size_t length = strlen(name);

	return strncmp(word, name, length) == 0 && (word[length] == 0 || word[length] == '=');
}

/* A variable has no value here, and what is not plain ASCII is no kernel parameter. */
static bool is_kept(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(dropped); i++)
		if (is_parameter(word, dropped[i]))
			return false;
	for (; *word; word++)
		if (*word <= ' ' || *word > '~' || strchr("$\"'\\`;|&<>{}", *word))
			return false;
	return true;
}

/* Take the initrd= of an isolinux line; append what is kept to @parameters, which is long enough.
 */
static void take_word(const char *word, char *parameters, char **initrd)
{
	if (is_parameter(word, "initrd") && word[strlen("initrd")] == '=' && !*initrd)
		*initrd = strdup(word + strlen("initrd="));
	if (!is_kept(word))
		return;
	if (*parameters)
		strcat(parameters, " ");
	strcat(parameters, word);
}

/* The rest of @line if its first word is @keyword or begins with it, as linuxefi does. */
static char *after_keyword(char *line, const char *keyword)
{
	line += strspn(line, BLANKS);
	if (strncasecmp(line, keyword, strlen(keyword)) != 0)
		return NULL;
	line += strcspn(line, BLANKS);
	return *line ? line + strspn(line, BLANKS) : NULL;
}

/* One pass over the lines; the lines are cut in words in place. */
static int scan(char *text, struct bootentry *entry)
{
	char *line, *next = text, *rest, *save;

	while ((line = strsep(&next, "\r\n"))) {
		bool is_append = false;

		if (!entry->parameters && (rest = after_keyword(line, "linux"))) {
			/* isolinux has the parameters on a line of their own. */
			free(entry->kernel);
			entry->kernel = strdup(strtok_r(rest, BLANKS, &save) ?: "");
			rest = save;
		} else if (!entry->parameters && (rest = after_keyword(line, "append"))) {
			is_append = true;
		} else if (entry->parameters && !entry->initrd &&
			   (rest = after_keyword(line, "initrd"))) {
			entry->initrd = strdup(strtok_r(rest, BLANKS, &save) ?: "");
			return entry->initrd ? 0 : -ENOMEM;
		} else {
			continue;
		}
		if (!rest || !strstr(rest, "boot=live"))
			continue;
		entry->parameters = calloc(1, strlen(rest) + 2);
		if (!entry->parameters || !entry->kernel)
			return -ENOMEM;
		for (char *word = strtok_r(rest, BLANKS, &save); word;
			word = strtok_r(NULL, BLANKS, &save))
			take_word(word, entry->parameters, &entry->initrd);
		if (is_append)
			return 0;
	}
	return entry->parameters ? 0 : -ENOENT;
}

int bootentry_parse(const char *text, struct bootentry *ret_entry)
{
	struct bootentry entry = {0};
	autofree char *copy = strdup(text);
	int r;

	r = copy ? scan(copy, &entry) : -ENOMEM;
	if (r < 0) {
		bootentry_clear(&entry);
		return r;
	}
	*ret_entry = entry;
	return 0;
}

void bootentry_clear(struct bootentry *entry)
{
	free(entry->kernel);
	free(entry->initrd);
	free(entry->parameters);
	*entry = (struct bootentry){0};
}
