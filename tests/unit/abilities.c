/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Kernels built without something that no module brings, and what they are told apart by.
 */

#include "candidate/abilities.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "archive.h"
#include "kconfig.h"
#include "said.h"
#include "stock/segment.h"

#define RELEASE "6.1.0-99-amd64"

/* Each segment packed as named; NULL: not at all. */
static struct initrd *make_initrd(const char *const *formats)
{
	autoclose int fd = file_with("", 0);
	struct initrd *initrd = NULL;

	for (; *formats; formats++) {
		cleanup(segment_freep) struct segment *segment = NULL;

		assert_int_equal(segment_new(&segment), 0);
		assert_int_equal(segment_add(segment, "a", S_IFREG | 0644, "x", 1), 0);
		assert_int_equal(segment_append(segment,
					 strcmp(*formats, "cpio") == 0 ? NULL : *formats, fd),
			0);
	}
	assert_int_equal(initrd_read(fd, "initrd.img", NULL, NULL, &initrd), 0);
	return initrd;
}

#define check(release, lines, ...) \
	check_initrd(release, lines, (const char *const[]){__VA_ARGS__, NULL})

/* Returns how much is reported as missing, and checks that the result agrees. */
static unsigned int check_initrd(const char *release, const char *lines, const char *const *formats)
{
	cleanup(initrd_freep) struct initrd *initrd = make_initrd(formats);
	cleanup(kconfig_freep) struct kconfig *config = lines ? kconfig_with(lines) : NULL;
	const struct abilities abilities = {"vmlinuz", release, config};
	int old = begin_listening(), r = abilities_check(&abilities, initrd, "initrd.img");

	end_listening(old);
	assert_int_equal(r, said_count > 0 ? -ERR_REFUSED : 0);
	return said_count;
}

static void assert_said(const char *text)
{
	if (!strstr(said, text))
		fail_msg("said \"%s\" instead of \"%s\"", said, text);
}

static void debians_kernels_pass(void **state)
{
	(void)state;
	assert_int_equal(check(RELEASE, "", "cpio", "gzip", "zstd", "xz", "lz4"), 0);
	assert_int_equal(check(RELEASE, "", "lzma"), 0);
	assert_int_equal(check(RELEASE, "", "bzip2"), 0);
}

static void without_a_configuration_nothing_is_known(void **state)
{
	(void)state;
	assert_int_equal(check(RELEASE, NULL, "zstd"), 0);
}

static void each_segment_has_to_be_unpacked(void **state)
{
	static const char no_zstd[] = "# CONFIG_RD_ZSTD is not set\n";

	(void)state;
	assert_int_equal(check(RELEASE, no_zstd, "cpio", "zstd"), 1);
	assert_said(
		"initrd.img: the kernel cannot unpack this initrd, which is compressed with zstd");
	assert_said("put COMPRESS=gzip into");
	assert_int_equal(check(RELEASE, no_zstd, "zstd", "gzip"), 1);
	assert_int_equal(check(RELEASE, no_zstd, "gzip", "xz", "zstd", "zstd"), 1);
	assert_int_equal(check(RELEASE, no_zstd, "cpio", "gzip"), 0);
	assert_int_equal(check(RELEASE, "# CONFIG_RD_LZ4 is not set\n", "lz4"), 1);
	assert_int_equal(
		check(RELEASE, "CONFIG_RD_GZIP=n\n# CONFIG_RD_XZ is not set\n", "gzip", "xz"), 2);
	assert_said("put COMPRESS=zstd into");
}

static void a_kernel_that_unpacks_nothing_is_replaced(void **state)
{
	cleanup(initrd_freep) struct initrd *initrd =
		make_initrd((const char *const[]){"xz", NULL});
	cleanup(kconfig_freep) struct kconfig *config = NULL;
	const char text[] = "CONFIG_BLK_DEV_INITRD=y\n# CONFIG_RD_ZSTD is not set\n";
	struct abilities abilities = {"vmlinuz", RELEASE, NULL};
	int old;

	(void)state;
	/* One that knows no more of them yet. */
	assert_int_equal(kconfig_from(text, strlen(text), &config), 0);
	abilities.config = config;
	old = begin_listening();
	assert_int_equal(abilities_check(&abilities, initrd, "initrd.img"), -ERR_REFUSED);
	end_listening(old);
	assert_said("cannot unpack any initrd: install linux-image-amd64 instead");
}

/* A later kernel may have other names for them. */
static void options_that_are_not_mentioned_are_no_lack(void **state)
{
	cleanup(initrd_freep) struct initrd *initrd =
		make_initrd((const char *const[]){"xz", NULL});
	cleanup(kconfig_freep) struct kconfig *config = NULL;
	struct abilities abilities = {"vmlinuz", RELEASE, NULL};

	(void)state;
	assert_int_equal(kconfig_from("CONFIG_BLOCK=y\n", 15, &config), 0);
	abilities.config = config;
	assert_int_equal(abilities_check(&abilities, initrd, "initrd.img"), 0);
}

static void what_no_module_brings_is_named(void **state)
{
	(void)state;
	assert_int_equal(check(RELEASE, "# CONFIG_BLK_DEV_INITRD is not set\n", "zstd"), 1);
	assert_said(
		"vmlinuz: the kernel was built without CONFIG_BLK_DEV_INITRD, which a stick needs");
	assert_int_equal(
		check(RELEASE, "# CONFIG_DEVTMPFS is not set\n# CONFIG_TMPFS is not set\n", "zstd"),
		2);
	assert_said("CONFIG_TMPFS");
	assert_int_equal(check(RELEASE, "# CONFIG_EFI_PARTITION is not set\n", "zstd"), 1);
}

static void the_plain_kernel_is_of_the_same_architecture(void **state)
{
	static const char *const kernels[][2] = {
		{"6.1.0-57-amd64", "install linux-image-amd64 instead"},
		{"6.1.0-57-rt-amd64", "install linux-image-amd64 instead"},
		{"6.12.90+deb13-cloud-arm64", "install linux-image-arm64 instead"},
		{"6.1.0-50-686-pae", "install linux-image-686-pae instead"},
		{"6.1.0-50-686", "install linux-image-686 instead"},
		{"6.1.99-myamd64", "install a kernel of Debian's own instead"},
		{"7.0", "install a kernel of Debian's own instead"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kernels); i++) {
		assert_int_equal(check(kernels[i][0], "# CONFIG_TMPFS is not set\n", "gzip"), 1);
		assert_said(kernels[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(debians_kernels_pass),
		cmocka_unit_test(without_a_configuration_nothing_is_known),
		cmocka_unit_test(each_segment_has_to_be_unpacked),
		cmocka_unit_test(a_kernel_that_unpacks_nothing_is_replaced),
		cmocka_unit_test(options_that_are_not_mentioned_are_no_lack),
		cmocka_unit_test(what_no_module_brings_is_named),
		cmocka_unit_test(the_plain_kernel_is_of_the_same_architecture),
	};

	return cmocka_run_group_tests_name("abilities", tests, NULL, NULL);
}
