/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * What the configuration of a kernel says about an option, and files that are none.
 */

#include "kernel/kconfig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kconfig.h"

#define INITRD "CONFIG_BLK_DEV_INITRD=y\n"

static int read_text(const char *text)
{
	cleanup(kconfig_freep) struct kconfig *config = NULL;

	return kconfig_from(text, strlen(text), &config);
}

static void each_line_is_an_answer(void **state)
{
	static const char text[] =
		"CONFIG_FIRST=y\n" INITRD "CONFIG_MODULE=m\n# CONFIG_OFF is not set\n"
		"CONFIG_NO=n\nCONFIG_TEXT_MORE=y\n# CONFIG_OFF_TOO_LONG is not set\n"
		"# CONFIG_HINT=y\n MY_CONFIG_SPACE=y\n# see CONFIG_SEEN is not set\n"
		"CONFIG_LAST=y";
	cleanup(kconfig_freep) struct kconfig *config = NULL;

	(void)state;
	assert_int_equal(kconfig_from(text, strlen(text), &config), 0);
	assert_int_equal(kconfig_get(config, "FIRST"), KCONFIG_ON);
	assert_int_equal(kconfig_get(config, "MODULE"), KCONFIG_ON);
	assert_int_equal(kconfig_get(config, "LAST"), KCONFIG_ON);
	assert_int_equal(kconfig_get(config, "OFF"), KCONFIG_OFF);
	assert_int_equal(kconfig_get(config, "NO"), KCONFIG_OFF);
	assert_int_equal(kconfig_get(config, "TEXT"), KCONFIG_UNSAID);
	assert_int_equal(kconfig_get(config, "OFF_TOO"), KCONFIG_UNSAID);
	assert_int_equal(kconfig_get(config, "HINT"), KCONFIG_UNSAID);
	assert_int_equal(kconfig_get(config, "SPACE"), KCONFIG_UNSAID);
	assert_int_equal(kconfig_get(config, "SEEN"), KCONFIG_UNSAID);
}

static void what_is_none_says_so(void **state)
{
	static char large[KCONFIG_MAX + 1];
	static const char zeros[] = INITRD "\0\0\0\0CONFIG_USB=y\n";
	cleanup(kconfig_freep) struct kconfig *config = NULL;

	(void)state;
	assert_int_equal(read_text(INITRD), 0);
	assert_int_equal(read_text(""), -ERR_FOREIGN);
	assert_int_equal(read_text("[core]\n\tbare = false\n"), -ERR_FOREIGN);
	assert_int_equal(read_text("# CONFIG_USB=y\n"), -ERR_FOREIGN);
	assert_int_equal(kconfig_from(zeros, sizeof(zeros) - 1, &config), -ERR_DAMAGED);
	memset(large, '\n', sizeof(large));
	memcpy(large, INITRD, strlen(INITRD));
	assert_int_equal(kconfig_from(large, sizeof(large), &config), -ERR_TOO_LARGE);
	assert_int_equal(kconfig_from(large, sizeof(large) - 1, &config), 0);
	assert_int_equal(kconfig_read("/dev/zero", &config), -EINVAL);
	assert_int_equal(kconfig_read(".", &config), -EINVAL);
	assert_int_equal(kconfig_read("no/such", &config), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_line_is_an_answer),
		cmocka_unit_test(what_is_none_says_so),
	};

	return cmocka_run_group_tests_name("kconfig", tests, NULL, NULL);
}
