/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Which of the releases of an installed system is the newest.
 */

#include "candidate/candidate.h"
#include "candidate/installed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "said.h"

#define ROOT "candidate-test-root"

static int make_root(void **state)
{
	(void)state;
	return mkdir(ROOT, 0700) < 0 || mkdir(ROOT "/boot", 0700) < 0 ? -1 : 0;
}

static int remove_root(void **state)
{
	(void)state;
	return rmdir(ROOT "/boot") < 0 || rmdir(ROOT) < 0 ? -1 : 0;
}

static char *kernel_path(const char *release)
{
	static char path[KERNEL_RELEASE_MAX + 64];

	snprintf(path, sizeof(path), ROOT "/boot/vmlinuz-%s", release);
	return path;
}

static void put_kernel(const char *release)
{
	FILE *file = fopen(kernel_path(release), "w");

	assert_non_null(file);
	fclose(file);
}

/* Each release against each later one, whatever the folder's order is. */
static void releases_have_an_order(void **state)
{
	static const char *const order[] = {
		"4.19.0-27-amd64",
		"5.10.0-9-amd64",
		"5.10.0-32-686-pae",
		"6.1.0-rc1-amd64",
		"6.1.0-0.deb11.5-amd64",
		"6.1.0-9-amd64",
		"6.1.0-10-amd64",
		"6.1.10",
		"6.9.12",
		"6.12-rc1-amd64",
		"6.12-rc2-amd64",
		"6.12-rc10-amd64",
		"6.12-amd64",
		"6.12.0-rc1",
		"6.12.0-rc1-next",
		"6.12.0-rc2",
		"6.12.0",
		"6.12.0-1-amd64",
		"6.12.1-rc1",
		"6.12.1-amd64",
		"6.12.9+bpo-amd64",
		"6.12.107+deb13-amd64",
		"6.13~rc7-amd64",
		"6.13-amd64",
		"7.0",
	};
	char newest[KERNEL_RELEASE_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		put_kernel(order[i]);
		for (size_t k = i + 1; k < ARRAY_SIZE(order); k++) {
			put_kernel(order[k]);
			assert_int_equal(installed_newest(ROOT, NULL, newest), 0);
			assert_string_equal(newest, order[k]);
			assert_int_equal(installed_newest(ROOT, order[k], newest), 0);
			assert_string_equal(newest, order[i]);
			assert_int_equal(installed_newest(ROOT, order[i], newest), -ENOENT);
			unlink(kernel_path(order[k]));
		}
		unlink(kernel_path(order[i]));
	}
}

static void what_was_set_aside_is_not_a_release(void **state)
{
	static const char *const names[] = {"6.1.0-9-amd64.dpkg-new", "6.1.0-9-amd64.old",
		"6.1.0-9-amd64~", "6.1.0-9-amd64~mine", "6.13~rc7-amd64~", "", ".hidden"};
	char newest[KERNEL_RELEASE_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		put_kernel(names[i]);
		assert_int_equal(installed_newest(ROOT, NULL, newest), -ENOENT);
		unlink(kernel_path(names[i]));
	}
}

/* The hook's flavour_of() says the same of these: tests/hooks/test_apt.py. */
static void a_flavour_follows_the_version(void **state)
{
	static const char *const flavours[][2] = {
		{"6.1.0-50-amd64", "amd64"},
		{"6.1.0-50-rt-amd64", "rt-amd64"},
		{"6.1.0-50-686-pae", "686-pae"},
		{"6.1.0-686", "686"},
		{"6.12.90+deb13-cloud-arm64", "cloud-arm64"},
		{"6.12-rc1-amd64", "amd64"},
		{"6.13~rc7-amd64", "amd64"},
		{"6.5.0-13parrot1-amd64", "amd64"},
		{"6.12.8-1-liquorix-amd64", "liquorix-amd64"},
		{"5.10.57-antix.1-amd64-smp", "antix.1-amd64-smp"},
		{"7.0", "7.0"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(flavours); i++)
		assert_string_equal(installed_flavour(flavours[i][0]), flavours[i][1]);
}

static void the_flavour_of_the_stick_wins(void **state)
{
	char newest[KERNEL_RELEASE_MAX];

	(void)state;
	put_kernel("6.1.0-50-cloud-amd64");
	put_kernel("6.1.0-50-amd64");
	put_kernel("6.1.0-49-amd64");
	put_kernel("6.1.0-51-rt-amd64");
	assert_int_equal(installed_newest_like(ROOT, "6.1.0-9-amd64", newest), 0);
	assert_string_equal(newest, "6.1.0-50-amd64");
	assert_int_equal(installed_newest_like(ROOT, "6.1.0-9-cloud-amd64", newest), 0);
	assert_string_equal(newest, "6.1.0-50-cloud-amd64");
	assert_int_equal(installed_newest_like(ROOT, "6.1.0-9-arm64", newest), 0);
	assert_string_equal(newest, "6.1.0-51-rt-amd64");
	assert_int_equal(installed_newest_like(ROOT, NULL, newest), 0);
	assert_string_equal(newest, "6.1.0-51-rt-amd64");
	while (installed_newest(ROOT, NULL, newest) == 0)
		unlink(kernel_path(newest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(releases_have_an_order, make_root, remove_root),
		cmocka_unit_test_setup_teardown(
			what_was_set_aside_is_not_a_release, make_root, remove_root),
		cmocka_unit_test(a_flavour_follows_the_version),
		cmocka_unit_test_setup_teardown(
			the_flavour_of_the_stick_wins, make_root, remove_root),
	};

	return cmocka_run_group_tests_name("candidate", tests, NULL, NULL);
}
