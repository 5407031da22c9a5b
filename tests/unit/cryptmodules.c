/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Indexes like depmod's, small ones.
 */

#include "stock/cryptmodules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/util.h"

#include <string.h>

static const char dep[] = "kernel/crypto/af_alg.ko.xz:\n"
			  "kernel/crypto/algif_skcipher.ko.xz: kernel/crypto/af_alg.ko.xz\n"
			  "kernel/crypto/aes_generic.ko.xz:\n"
			  "kernel/arch/x86/crypto/aesni-intel.ko.xz: kernel/crypto/cryptd.ko.xz\n"
			  "kernel/crypto/cryptd.ko.xz:\n"
			  "kernel/crypto/xts.ko.xz:\n"
			  "kernel/crypto/ecb.ko.xz:\n"
			  "kernel/drivers/md/dm-mod.ko.xz: kernel/drivers/dax/dax.ko.xz\n"
			  "kernel/drivers/md/dm-crypt.ko.xz: kernel/drivers/md/dm-mod.ko.xz\n"
			  "kernel/fs/ext4/ext4.ko.xz:\n";
static const char alias[] = "# Aliases extracted from modules themselves.\n"
			    "alias crypto-aes aesni_intel\n"
			    "alias crypto-aes aes_generic\n"
			    "alias crypto-aes-all aes_generic\n"
			    "alias crypto-xts xts\n"
			    "alias fs-ext4 ext4\n";
static const char softdep[] = "softdep xts pre: ecb\nsoftdep ext4 pre: crc32c\n";
static const char builtin[] = "kernel/drivers/dax/dax.ko\n";

static bool has_nothing(void *data, const char *module)
{
	(void)data;
	(void)module;
	return false;
}

static bool has_one(void *data, const char *module)
{
	return strcmp(data, module) == 0;
}

static void joined(char *const *paths, char *ret_text, size_t size)
{
	size_t used = 0;

	for (ret_text[0] = '\0'; *paths; paths++)
		used += (size_t)snprintf(
			ret_text + used, size - used, "%s ", strrchr(*paths, '/') + 1);
}

static void everything_needed_is_chosen_once(void **state)
{
	const struct cryptmodules_index index = {dep, alias, softdep, builtin};
	autofree char **paths = NULL, **fewer = NULL;
	char text[1024];

	(void)state;
	assert_int_equal(cryptmodules_choose(&index, has_nothing, NULL, &paths), 0);
	joined(paths, text, sizeof(text));
	assert_string_equal(text, "aes_generic.ko.xz aesni-intel.ko.xz af_alg.ko.xz "
				  "algif_skcipher.ko.xz cryptd.ko.xz dm-crypt.ko.xz dm-mod.ko.xz "
				  "ecb.ko.xz xts.ko.xz ");
	assert_int_equal(
		cryptmodules_choose(&index, has_one, (void *)(uintptr_t) "dm_crypt", &fewer), 0);
	joined(fewer, text, sizeof(text));
	assert_null(strstr(text, "dm-crypt"));
	assert_non_null(strstr(text, "dm-mod"));
}

static void a_kernel_without_dm_crypt_is_told_apart(void **state)
{
	const struct cryptmodules_index none = {"kernel/fs/ext4/ext4.ko:\n", "", "", ""},
					built_in = {"", "", "", "kernel/drivers/md/dm-crypt.ko\n"};
	autofree char **paths = NULL;

	(void)state;
	assert_int_equal(cryptmodules_choose(&none, has_nothing, NULL, &paths), -ENOENT);
	assert_int_equal(cryptmodules_choose(&built_in, has_nothing, NULL, &paths), 0);
	assert_null(paths[0]);
}

static void modules_that_need_each_other_end(void **state)
{
	const struct cryptmodules_index circle = {
		"a/dm-mod.ko: a/dm-crypt.ko\na/dm-crypt.ko: a/dm-mod.ko\n", "alias crypto-aes",
		"softdep", "no newline"};
	autofree char **paths = NULL;

	(void)state;
	assert_int_equal(cryptmodules_choose(&circle, has_nothing, NULL, &paths), 0);
	assert_non_null(paths[1]);
	assert_null(paths[2]);
}

static void paths_are_compared_whole(void **state)
{
	(void)state;
	assert_true(cryptmodules_has_path(dep, "kernel/fs/ext4/ext4.ko.xz"));
	assert_false(cryptmodules_has_path(dep, "kernel/fs/ext4/ext4.ko"));
	assert_false(cryptmodules_has_path(dep, "kernel/crypto/ext4.ko.xz"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_needed_is_chosen_once),
		cmocka_unit_test(a_kernel_without_dm_crypt_is_told_apart),
		cmocka_unit_test(modules_that_need_each_other_end),
		cmocka_unit_test(paths_are_compared_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
