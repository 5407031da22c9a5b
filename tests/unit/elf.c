/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * This program itself, and what becomes of it when bytes are missing or wrong.
 */

#include "stock/elf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/util.h"

#include <elf.h>
#include <stdbool.h>
#include <string.h>

static uint8_t *self;
static size_t size;

static bool needs(const struct elf *elf, const char *library)
{
	for (size_t i = 0; elf->needed[i]; i++)
		if (strcmp(elf->needed[i], library) == 0)
			return true;
	return false;
}

static void this_program_is_understood(void **state)
{
	struct elf elf;

	(void)state;
	assert_int_equal(elf_parse(self, size, &elf), 0);
	assert_non_null(elf.interpreter);
	assert_true(needs(&elf, "libcmocka.so.0") && needs(&elf, "libc.so.6"));
	assert_int_not_equal(elf.machine, EM_NONE);
}

static void other_files_are_told_apart(void **state)
{
	struct elf elf;

	(void)state;
	assert_int_equal(elf_parse("#!/bin/sh\n", 10, &elf), -ERR_FOREIGN);
	assert_int_equal(elf_parse("", 0, &elf), -ERR_FOREIGN);
}

/* Copies of exactly their length: the sanitizer sees each byte too many that is read. */
static void no_length_is_read_beyond(void **state)
{
	struct elf elf;

	(void)state;
	for (size_t length = 0; length < 4096; length++) {
		uint8_t *part = malloc(length + 1);

		memcpy(part, self, length);
		assert_true(elf_parse(part, length, &elf) < 0);
		free(part);
	}
}

static void no_byte_of_the_headers_does_harm(void **state)
{
	static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
	struct elf elf;

	(void)state;
	for (size_t at = 0; at < 1024; at++) {
		uint8_t before = self[at];

		for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
			int r;

			self[at] = values[i];
			r = elf_parse(self, size, &elf);
			assert_true(r == 0 || r == -ERR_FOREIGN || r == -ERR_DAMAGED ||
				    r == -ERR_TOO_LARGE);
		}
		self[at] = before;
	}
}

static int set_up(void **state)
{
	(void)state;
	return file_read_whole("/proc/self/exe", 64u * MIB, (void **)&self, &size);
}

static int tear_down(void **state)
{
	(void)state;
	free(self);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(this_program_is_understood),
		cmocka_unit_test(other_files_are_told_apart),
		cmocka_unit_test(no_length_is_read_beyond),
		cmocka_unit_test(no_byte_of_the_headers_does_harm),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
