/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Small keyboard(5) files, and what their layouts move.
 */

#include "persistence/keyboard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "said.h"

static struct keyboard keyboard_of(const char *text)
{
	autoclose int fd = file_with(text, strlen(text));
	struct keyboard keyboard;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	keyboard_read(path, &keyboard);
	return keyboard;
}

static void first_layout_is_used(void **state)
{
	struct keyboard keyboard = keyboard_of("# XKBLAYOUT=\"xx\"\nXKBMODEL=\"pc105\"\n"
					       "XKBLAYOUT=\"de,us\"\nXKBVARIANT=\"neo,\"\n");

	(void)state;
	assert_string_equal(keyboard.layout, "de");
	assert_string_equal(keyboard.variant, "neo");
	keyboard = keyboard_of("XKBLAYOUT=fr\nXKBVARIANT=\n");
	assert_string_equal(keyboard.layout, "fr");
	assert_string_equal(keyboard.variant, "");
}

static void broken_file_is_unknown(void **state)
{
	struct keyboard keyboard;

	(void)state;
	keyboard_read("/nonexistent/keyboard", &keyboard);
	assert_string_equal(keyboard.layout, "");
	assert_false(keyboard_moves(&keyboard, "yz;", 3));
	keyboard = keyboard_of("XKBLAYOUT\nXKBLAYOUTS=\"de\"\nXKBLAYOUT=\"\"\n");
	assert_string_equal(keyboard.layout, "");
}

static void characters_move_as_the_layout_says(void **state)
{
	static const struct {
		const char *layout, *variant, *text;
		bool moves;
	} cases[] = {
		{"us", "", "qwertz ;:'[]{}-_=+", false}, {"us", "altgr-intl", "'\"", false},
		{"us", "dvorak", "correct horse", true}, {"us", "dvorak", "12345", false},
		{"de", "", "correct horse 0123456789", false},
		{"de", "nodeadkeys", "battery", true}, {"de", "", "ZOO", true},
		{"de", "", "horse-staple", true}, {"fr", "", "2 tons", true},
		{"fr", "", "correct horse", false}, {"fr", "", "battery", true},
		{"cz", "", "tons 2", true}, {"gb", "", "battery horse 99", false},
		{"gb", "", "a#b", true},
		{"de", "", "\xc3\xa4", false}, /* warned about as not ASCII */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct keyboard keyboard;

		snprintf(keyboard.layout, sizeof(keyboard.layout), "%s", cases[i].layout);
		snprintf(keyboard.variant, sizeof(keyboard.variant), "%s", cases[i].variant);
		if (keyboard_moves(&keyboard, cases[i].text, strlen(cases[i].text)) !=
			cases[i].moves)
			fail_msg("%s %s \"%s\"", cases[i].layout, cases[i].variant, cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_layout_is_used),
		cmocka_unit_test(broken_file_is_unknown),
		cmocka_unit_test(characters_move_as_the_layout_says),
	};

	return cmocka_run_group_tests_name("keyboard", tests, NULL, NULL);
}
