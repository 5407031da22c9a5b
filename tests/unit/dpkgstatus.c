/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * dpkg's record of a system, which may come from a hostile image.
 */

#include "machine/dpkgstatus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define STATUS                                                                   \
	"Package: dpkg\nStatus: install ok installed\nArchitecture: amd64\n\n\n" \
	"Package: gone\nStatus: deinstall ok config-files\nArchitecture: i386\n" \
	"Description: x\n Package: trap\n Status: install ok installed\n\n"      \
	"Package: half\nStatus: install ok half-configured\n\n"                  \
	"Status: install ok installed\nPackage: last"

static void only_whole_packages_are_installed(void **state)
{
	(void)state;
	assert_true(dpkgstatus_has(STATUS, "dpkg"));
	assert_true(dpkgstatus_has(STATUS, "last"));
	assert_false(dpkgstatus_has(STATUS, "gone"));
	assert_false(dpkgstatus_has(STATUS, "half"));
	assert_false(dpkgstatus_has(STATUS, "trap"));
	assert_false(dpkgstatus_has(STATUS, "dpk"));
	assert_false(dpkgstatus_has("", "dpkg"));
	assert_false(dpkgstatus_has("\n\n\n", "dpkg"));
}

static void kernels_on_hold_are_named(void **state)
{
	static const char held[] =
		"Package: linux-image-amd64\nStatus: hold ok installed\n\n"
		"Package: mawk\nStatus: hold ok installed\n\n"
		"Package: linux-image-6.1.0-50-amd64\nStatus: install ok installed\n\n"
		"Status: hold ok installed\n\n"
		"Status: hold ok installed\nPackage: linux-image-6.1.0-49-amd64\n";
	char *names = dpkgstatus_held(held, "linux-image-");

	(void)state;
	assert_string_equal(names, "linux-image-amd64 linux-image-6.1.0-49-amd64");
	free(names);
	names = dpkgstatus_held(STATUS, "linux-image-");
	assert_string_equal(names, "");
	free(names);
}

static void the_architecture_is_a_word(void **state)
{
	char arch[DPKGSTATUS_ARCH];

	(void)state;
	dpkgstatus_arch(STATUS, arch);
	assert_string_equal(arch, "amd64");
	dpkgstatus_arch("Package: dpkg\nStatus: install ok installed\n\nArchitecture: x\n", arch);
	assert_string_equal(arch, "");
	dpkgstatus_arch("Package: dpkg\nStatus: install ok installed\nArchitecture: a\";x\n", arch);
	assert_string_equal(arch, "");
}

static void many_paragraphs_take_no_longer_each(void **state)
{
	static const char paragraph[] = "Package: dpkg\n\n";
	const size_t n = 20000, length = strlen(paragraph);
	char *text = malloc(n * length + 1);

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < n; i++)
		memcpy(text + i * length, paragraph, length + 1);
	assert_false(dpkgstatus_has(text, "dpkg"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_whole_packages_are_installed),
		cmocka_unit_test(kernels_on_hold_are_named),
		cmocka_unit_test(the_architecture_is_a_word),
		cmocka_unit_test(many_paragraphs_take_no_longer_each),
	};

	return cmocka_run_group_tests_name("dpkgstatus", tests, NULL, NULL);
}
