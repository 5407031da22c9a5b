/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "arguments.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"

#define LETTERS_MAX 16u /* short options; they take no values */

/* The option that getopt_long() returns as @value; NULL: there is none. */
static const struct option *find_option(const struct option *table, int value)
{
	for (const struct option *option = table; option->name; option++)
		if (option->val == value)
			return option;
	return NULL;
}

/* Is @word, a long option, this one in full, and not an abbreviation, which getopt_long() accepts
 * as well? */
static bool is_written_out(const char *word, const struct option *option)
{
	size_t length = strcspn(word, "=");

	return length == strlen(option->name) + 2 &&
	       strncmp(word + 2, option->name, length - 2) == 0;
}

/* Report what getopt_long() rejected; @word is the last word it consumed, if that is a long
 * option. */
static void report_misuse(const struct option *table, bool lacks_value, const char *word)
{
	const struct option *option = find_option(table, optopt);

	/* Only a long option can be at fault here. */
	if (option && is_written_out(word, option))
		arguments_misuse(
			"--%s %s", option->name, lacks_value ? "needs a value" : "takes no value");
	else if (option || !optopt)
		arguments_misuse("%s: no such option", word);
	else
		arguments_misuse("-%c: no such option", optopt);
}

/* The leading colon suppresses getopt_long()'s own messages, which would begin with argv[0]. */
static void list_letters(const struct option *table, char ret_letters[LETTERS_MAX])
{
	size_t n = 0;

	ret_letters[n++] = ':';
	for (; table->name && n + 1 < LETTERS_MAX; table++)
		if (table->val <= UCHAR_MAX)
			ret_letters[n++] = (char)table->val;
	ret_letters[n] = '\0';
}

enum arguments_result arguments_read(int argc, char **argv, const struct option *table,
	arguments_take take, void *data, bool *ret_json)
{
	enum arguments_result result = ARGUMENTS_RUN;
	char letters[LETTERS_MAX];
	bool json = false;
	int c, place; /* index in the table: long options only */

	list_letters(table, letters);
	while (place = -1, (c = getopt_long(argc, argv, letters, table, &place)) != -1) {
		const char *word = argv[optind - (optarg && optarg == argv[optind - 1] ? 2 : 1)];
		const struct option *option = find_option(table, c);
		bool is_written = option && (place < 0 || is_written_out(word, option));

		json |= is_written && c == ARGUMENT_JSON;
		if (result != ARGUMENTS_RUN)
			continue; /* only looking for --json from here on */
		if (is_written)
			result = take(data, option, optarg);
		else if (option)
			arguments_misuse("%s: no such option", word);
		else
			report_misuse(table, c == ':', word);
		if (!is_written)
			result = ARGUMENTS_USAGE;
	}
	*ret_json = json;
	return result;
}

enum arguments_result arguments_take_common(
	const char *program, const struct option *option, bool *dry_run, enum log_level *level)
{
	switch (option->val) {
	case 'n':
		*dry_run = true;
		break;
	case 'q':
		*level = LOG_QUIET;
		break;
	case 'v':
		*level = LOG_VERBOSE;
		break;
	case ARGUMENT_VERSION:
		printf("%s " VERSION "\n", program);
		return ARGUMENTS_DONE;
	}
	return ARGUMENTS_RUN;
}

static bool is_word_of(const char *word, const char *list)
{
	size_t length = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at += length)
		if ((at == list || at[-1] == ' ') && (!at[length] || at[length] == ' '))
			return true;
	return false;
}

bool arguments_check_use(const struct option *table, const bool *given, const char *verb,
	const char *common, const char *own)
{
	for (size_t i = 0; table[i].name; i++) {
		if (!given[i] || is_word_of(table[i].name, common) ||
			is_word_of(table[i].name, own))
			continue;
		arguments_misuse("%s: does not use --%s", verb, table[i].name);
		return false;
	}
	return true;
}
