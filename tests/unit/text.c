/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "said.h"

static const struct {
	const char *text, *utf8, *safe;
} cases[] = {
	{"", "", ""},
	{"/media/a b", "/media/a b", "/media/a b"},
	{"caf\303\251 \342\202\254 \360\237\220\247", "caf\303\251 \342\202\254 \360\237\220\247",
		"caf\303\251 \342\202\254 \360\237\220\247"},
	{"a\033[2Jb\nc\td\177", "a\033[2Jb\nc\td\177", "a?[2Jb?c?d?"},
	/* CSI in one character, U+009B */
	{"\302\23331m", "\302\23331m", "??31m"},
	{"\302\240", "\302\240", "\302\240"},
	{"caf\351", "caf?", "caf?"}, /* Latin-1 */
	/* Not the shortest form. */
	{"\301\201\340\201\201", "?????", "?????"},
	/* A surrogate; after the last code point; five bytes. */
	{"\355\240\200 \364\220\200\200", "??? ????", "??? ????"},
	{"\370\210\200\200\200", "?????", "?????"},
	{"\342\202", "??", "??"}, /* truncated */
	{"\377\200", "??", "??"},
};

static void nothing_controls_the_terminal(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[64];

		strcpy(text, cases[i].text);
		text_make_safe(text);
		assert_string_equal(text, cases[i].safe);
	}
}

static void what_is_not_utf8_is_replaced(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[64];

		strcpy(text, cases[i].text);
		text_make_utf8(text);
		assert_string_equal(text, cases[i].utf8);
	}
}

/* What @print prints to standard error. */
static void catch_errors(void (*print)(const char *text), const char *text, char ret_printed[64])
{
	struct caught caught = begin_catching();

	print(text);
	end_catching(&caught, ret_printed, 64);
}

static void say_plain(const char *text)
{
	text_print(stderr, text);
}

static void say_error(const char *text)
{
	log_error("%s", text);
}

static void say_info(const char *text)
{
	log_info("%s", text);
}

static void note(void *data, const char *text)
{
	snprintf(data, 64, "%s", text);
}

/* Only what people see is changed: a program that reads JSON gets the name unchanged. */
static void messages_are_safe_and_sinks_get_them_unchanged(void **state)
{
	char printed[64], expected[64], noted[64];

	(void)state;
	log_init("test", LOG_NORMAL);
	log_set_sink(note, noted);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(expected, sizeof(expected), "test: %s\n", cases[i].safe);
		catch_errors(say_error, cases[i].text, printed);
		assert_string_equal(printed, expected);
		assert_string_equal(noted, cases[i].text);
		catch_errors(say_info, cases[i].text, printed);
		assert_string_equal(printed, expected);
		catch_errors(say_plain, cases[i].text, printed);
		assert_string_equal(printed, cases[i].safe);
	}
	log_set_sink(NULL, NULL);
}

static void errors_have_texts_that_users_understand(void **state)
{
	(void)state;
	assert_string_equal(error_text(-EIO), "Input/output error");
	assert_string_equal(error_text(EIO), "Input/output error");
	assert_null(strstr(error_text(-ERR_DAMAGED), "cleaning"));
	assert_non_null(strstr(error_text(-ERR_ISOFS), "libisofs"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_controls_the_terminal),
		cmocka_unit_test(what_is_not_utf8_is_replaced),
		cmocka_unit_test(messages_are_safe_and_sinks_get_them_unchanged),
		cmocka_unit_test(errors_have_texts_that_users_understand),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
