/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * What live-config is told: by options, by the image's menu, by a machine in a folder.
 */

#include "settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/util.h"
#include "machine.h"

#define LIVE "boot=live components quiet"

static char *made(const struct deploy_options *options, const char *of_image)
{
	static char text[256];
	struct settings settings;

	assert_int_equal(settings_make(options, of_image, host.root, &settings), 0);
	snprintf(text, sizeof(text), "%s [%s:%s]", settings.parameters, settings.keyboard.layout,
		settings.keyboard.variant);
	settings_clear(&settings);
	return text;
}

static void link_to(const char *target, const char *path)
{
	(void)unlink(path);
	assert_int_equal(symlink(target, path), 0);
}

static void german(void)
{
	put_text(at("etc/default/locale"), "#  File\nLANG=\"de_DE.UTF-8\"\nLC_TIME=C\n");
	put_text(at("etc/default/keyboard"), "XKBLAYOUT=\"de\"\nXKBVARIANT=\"neo\"\n");
	link_to("/usr/share/zoneinfo/Europe/Berlin", at("etc/localtime"));
}

static void of_this_machine(void **state)
{
	const struct deploy_options none = {.locale = NULL};

	(void)state;
	assert_string_equal(made(&none, LIVE), " [:]");
	german();
	assert_string_equal(made(&none, LIVE),
		"locales=de_DE.UTF-8 keyboard-layouts=de keyboard-variants=neo "
		"timezone=Europe/Berlin [de:neo]");
	/* Without live-config nobody would read them; the keyboard is the same. */
	assert_string_equal(made(&none, "boot=live componentsx"), " [de:neo]");
}

static void what_is_the_default_anyway_is_left_out(void **state)
{
	const struct deploy_options none = {.locale = NULL};

	(void)state;
	put_text(at("etc/locale.conf"), "LANG=C.UTF-8\n");
	put_text(at("etc/default/keyboard"), "XKBLAYOUT=\"us\"\n");
	link_to("../usr/share/zoneinfo/Etc/UTC", at("etc/localtime"));
	assert_string_equal(made(&none, LIVE), " [us:]");
}

static void the_image_comes_before_this_machine(void **state)
{
	const struct deploy_options none = {.locale = NULL};

	(void)state;
	german();
	assert_string_equal(
		made(&none, LIVE " live-config.locales=fr_FR.UTF-8 timezone=Europe/Paris "
				 "keyboard-layouts=fr,us keyboard-variants=bepo,"),
		" [fr:bepo]");
}

static void options_come_before_both(void **state)
{
	const struct deploy_options options = {.locale = "it_IT.UTF-8",
		.keyboard = "it",
		.timezone = "Europe/Rome",
		.username = "anna",
		.hostname = "stick"};
	(void)state;
	german();
	assert_string_equal(made(&options, "boot=live locales=fr_FR.UTF-8"),
		"locales=it_IT.UTF-8 keyboard-layouts=it timezone=Europe/Rome username=anna "
		"hostname=stick [it:]");
}

static void given_layouts_come_with_their_own_variants(void **state)
{
	struct deploy_options options = {.keyboard = "us,ru:,phonetic"};

	(void)state;
	assert_string_equal(
		made(&options, LIVE), "keyboard-layouts=us,ru keyboard-variants=,phonetic [us:]");
	options.keyboard = "de";
	assert_string_equal(made(&options, LIVE " keyboard-layouts=us keyboard-variants=intl"),
		"keyboard-layouts=de keyboard-variants= [de:]");
	options.keyboard = "de:T3";
	assert_string_equal(
		made(&options, LIVE), "keyboard-layouts=de keyboard-variants=T3 [de:T3]");
}

static void rubbish_is_not_passed_on(void **state)
{
	const struct deploy_options none = {.locale = NULL};

	(void)state;
	put_text(at("etc/default/locale"), "LANG=de_DE init=/bin/sh\nLANG=x;y\n");
	link_to("/usr/share/zoneinfo/a b/$c", at("etc/localtime"));
	put_text(at("etc/default/keyboard"), "XKBLAYOUT=\"de init=/bin/sh\"\nXKBVARIANT=-x;y\n");
	assert_string_equal(made(&none, "boot=live keyboard-layouts=/etc/passwd"), " [:]");
	assert_string_equal(made(&none, "boot=live keyboard-layouts=-help"), " [:]");
	assert_string_equal(made(&none, LIVE), "locales=de_DE [:]");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(of_this_machine),
		TEST(what_is_the_default_anyway_is_left_out),
		TEST(the_image_comes_before_this_machine),
		TEST(options_come_before_both),
		TEST(given_layouts_come_with_their_own_variants),
		TEST(rubbish_is_not_passed_on),
	};

	return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
