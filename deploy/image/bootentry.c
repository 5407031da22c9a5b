/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "bootentry.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"

#define BLANKS " \t"

/* Parameters for the medium or the persistence, which the stick's own menu sets. */
static const char *const dropped[] = {"findiso", "fromiso", "live-media", "bootfrom", "persistence",
	"nopersistence", "persistence-encryption", "persistence-media", "persistence-label",
	"persistence-path", "persistence-storage", "persistence-read-only", "initrd", "BOOT_IMAGE",
	"---", "liveng-fallback", "liveng.boot"};

/* Is @word @name, or @name with a value? */
static bool is_parameter(const char *word, const char *name)
{
	size_t length = strlen(name);

	return strncmp(word, name, length) == 0 && (word[length] == 0 || word[length] == '=');
}

/* Variables have no value here, and anything but plain ASCII is not a kernel parameter. */
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

/* Append @word to @parameters, which is long enough, if it is kept. */
static void take_word(const char *word, char *parameters)
{
	if (!is_kept(word))
		return;
	if (*parameters)
		strcat(parameters, " ");
	strcat(parameters, word);
}

/* The rest of @line if its first word is @keyword or, with @longer, begins with it, as linuxefi
 * does. */
static char *after_keyword(char *line, const char *keyword, bool longer)
{
	size_t length = strlen(keyword);

	line += strspn(line, BLANKS);
	if (strncasecmp(line, keyword, length) != 0 ||
		(!longer && line[length] && !strchr(BLANKS, line[length])))
		return NULL;
	line += strcspn(line, BLANKS);
	return line + strspn(line, BLANKS);
}

/* Cut off the first word, without its quotes; @ret_rest is what follows. */
static char *first_word(char *text, char **ret_rest)
{
	const char quote[] = {*text, 0};
	bool is_quoted = *text == '"' || *text == '\'';
	char *word = text + is_quoted, *end = word + strcspn(word, is_quoted ? quote : BLANKS);

	*ret_rest = *end ? end + 1 : end;
	*end = 0;
	return word;
}

/* An entry of a menu while its lines are read. */
struct lines {
	char *kernel, *initrd, *arguments; /* pointers into the text */
	bool is_default;
};

struct scan {
	const char *wanted;   /* the default named in the menu; "0" if none is */
	unsigned int entries; /* at the top level so far */
	int depth;	      /* of braces */
	struct lines lines;
	struct bootentry best; /* the first that boots a live system, or the default */
};

/* Find the last setting of the default, ignoring values that only a running GRUB knows. @text is
 * not changed. */
static char *find_default(const char *text)
{
	autofree char *copy = strdup(text), *found = strdup("0");
	char *line, *next = copy;

	while (copy && found && (line = strsep(&next, "\r\n"))) {
		char *value = after_keyword(line, "set", false) ?: line, *rest;
		bool is_grub = strncmp(value, "default=", strlen("default=")) == 0;

		value = is_grub ? value + strlen("default=")
				: after_keyword(line, "default", false);
		if (!value || strchr(value, '$'))
			continue;
		free(found);
		found = strdup(first_word(value, &rest));
	}
	return steal_pointer(found);
}

static bool is_number(const char *text, unsigned int number)
{
	char digits[16];

	snprintf(digits, sizeof(digits), "%u", number);
	return strcmp(text, digits) == 0;
}

/* Finish an entry whose lines have all been read. Returns 1 if it is the default, which ends the
 * search.
 */
static int end_entry(struct scan *scan)
{
	struct lines lines = scan->lines;
	struct bootentry entry = {0};
	char *word, *save;

	scan->lines = (struct lines){0};
	if (!lines.kernel || !lines.arguments || !strstr(lines.arguments, "boot=live") ||
		(scan->best.kernel && !lines.is_default))
		return 0;
	entry.kernel = strdup(lines.kernel);
	entry.parameters = calloc(1, strlen(lines.arguments) + 2);
	for (word = strtok_r(lines.arguments, BLANKS, &save); word && entry.parameters;
		word = strtok_r(NULL, BLANKS, &save)) {
		/* isolinux may have it among the parameters. */
		if (!lines.initrd && is_parameter(word, "initrd") && strchr(word, '='))
			lines.initrd = strchr(word, '=') + 1;
		take_word(word, entry.parameters);
	}
	entry.initrd = lines.initrd ? strdup(lines.initrd) : NULL;
	if (!entry.kernel || !entry.parameters || (lines.initrd && !entry.initrd)) {
		bootentry_clear(&entry);
		return -ENOMEM;
	}
	bootentry_clear(&scan->best);
	scan->best = entry;
	return lines.is_default;
}

/* menuentry "Title" --id name {, submenu "Title" {, label name. */
static void begin_entry(struct scan *scan, char *rest, bool is_numbered)
{
	const char *wanted = scan->wanted;
	bool is_default = strcmp(first_word(rest, &rest), wanted) == 0;

	while (*rest) {
		char *word = first_word(rest + strspn(rest, BLANKS), &rest);

		if (strcmp(word, "--id") == 0 || strcmp(word, "$menuentry_id_option") == 0)
			is_default =
				is_default ||
				strcmp(first_word(rest + strspn(rest, BLANKS), &rest), wanted) == 0;
	}
	if (is_numbered && scan->depth == 0)
		is_default = is_number(wanted, scan->entries++) || is_default;
	scan->lines.is_default = is_default;
}

static void take_line(struct lines *lines, char *line)
{
	char *rest;

	if ((rest = after_keyword(line, "linux", true)) ||
		(rest = after_keyword(line, "kernel", false))) {
		/* If there are several, the first that boots a live system counts. */
		if (lines->arguments && strstr(lines->arguments, "boot=live"))
			return;
		if (lines->kernel)
			lines->initrd = NULL;
		lines->kernel = first_word(rest, &rest);
		/* isolinux has the parameters on a separate line, before or after this one. */
		if (*rest || !lines->arguments)
			lines->arguments = rest;
	} else if ((rest = after_keyword(line, "append", false))) {
		lines->arguments = rest;
	} else if (!lines->initrd && (rest = after_keyword(line, "initrd", true))) {
		lines->initrd = first_word(rest, &rest);
	} else if ((rest = after_keyword(line, "menu", false)) &&
		   after_keyword(rest, "default", false)) {
		lines->is_default = true;
	}
}

/* One pass over the lines, which are split into words in place. */
static int scan_text(char *text, struct scan *scan)
{
	char *line, *next = text, *rest;
	int r;

	while ((line = strsep(&next, "\r\n"))) {
		size_t length = strlen(line);
		char *label = NULL;
		bool opens;

		while (length > 0 && strchr(BLANKS, line[length - 1]))
			line[--length] = 0;
		opens = length > 0 && line[length - 1] == '{';
		if (line[strspn(line, BLANKS)] == '}')
			scan->depth--;
		if ((rest = after_keyword(line, "menuentry", false)) ||
			(rest = after_keyword(line, "submenu", false)) ||
			(rest = label = after_keyword(line, "label", false))) {
			r = end_entry(scan);
			if (r != 0)
				return r;
			begin_entry(scan, rest, !label);
		} else {
			take_line(&scan->lines, line);
		}
		scan->depth += opens;
	}
	return end_entry(scan);
}

int bootentry_parse(const char *text, struct bootentry *ret_entry)
{
	autofree char *copy = strdup(text), *wanted = find_default(text);
	struct scan scan = {.wanted = wanted};
	int r;

	r = copy && wanted ? scan_text(copy, &scan) : -ENOMEM;
	if (r >= 0 && !scan.best.kernel)
		r = -ENOENT;
	if (r < 0) {
		bootentry_clear(&scan.best);
		return r;
	}
	*ret_entry = scan.best;
	return 0;
}

void bootentry_clear(struct bootentry *entry)
{
	free(entry->kernel);
	free(entry->initrd);
	free(entry->parameters);
	*entry = (struct bootentry){0};
}
