/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Segments appended to an initrd, in each compression, and read back by the reader that checks all
 * that the kernel does; where the files of a part go in initrds of several kinds.
 */

#include "stock/segment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "archive.h"
#include "initrd/initrd.h"
#include "said.h"
#include "stock/parts.h"

#include <sys/stat.h>

static const char *const formats[] = {"zstd", "gzip", "xz", "lz4", "lzma", "bzip2", NULL};

/* An initrd with merged /usr, or one without, with an odd number of zeros after it. */
static int make_initrd(bool merged)
{
	cleanup(bytes_clear) struct bytes archive = {0};

	if (merged) {
		cpio_add(&archive, "lib", 0120777, "usr/lib", 7);
		cpio_add(&archive, "sbin", 0120777, "/usr/sbin", 9);
		cpio_add_folder(&archive, "usr");
		cpio_add_folder(&archive, "usr/lib");
		cpio_add_folder(&archive, "usr/sbin");
	} else {
		cpio_add_folder(&archive, "lib");
		cpio_add_folder(&archive, "sbin");
		cpio_add_folder(&archive, "usr");
		cpio_add_folder(&archive, "usr/lib");
		cpio_add_folder(&archive, "usr/lib/live");
		cpio_add_folder(&archive, "usr/lib/live/boot");
	}
	cpio_add(&archive, "TRAILER!!!", 0, NULL, 0);
	append(&archive, NULL, 3);
	return file_with(archive.data, archive.size);
}

static struct initrd *read_back(int fd)
{
	struct initrd *initrd;

	assert_int_equal(initrd_read(fd, "initrd", NULL, NULL, &initrd), 0);
	return initrd;
}

static void each_format_is_read_back(void **state)
{
	static uint8_t content[9 * MIB]; /* more than a block of lz4 */

	(void)state;
	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (uint8_t)(i * i >> 7);
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		cleanup(segment_freep) struct segment *segment = NULL;
		cleanup(initrd_freep) struct initrd *initrd = NULL;
		autoclose int fd = make_initrd(true);
		struct stat st;

		assert_int_equal(segment_new(&segment), 0);
		assert_int_equal(segment_add(segment, "new", S_IFDIR | 0755, NULL, 0), 0);
		assert_int_equal(
			segment_add(segment, "new/large", S_IFREG | 0644, content, sizeof(content)),
			0);
		assert_int_equal(segment_add(segment, "new/none", S_IFREG | 0644, "", 0), 0);
		assert_int_equal(segment_append(segment, formats[i], fd), 0);
		initrd = read_back(fd);
		assert_true(initrd_has(initrd, "new/large") && initrd_has(initrd, "new/none") &&
			    initrd_has(initrd, "lib"));
		if (formats[i])
			assert_string_equal(initrd_packing(initrd), formats[i]);
		else
			assert_null(initrd_packing(initrd));
		assert_int_equal(fstat(fd, &st), 0);
		assert_true(formats[i] ? st.st_size < (off_t)sizeof(content) : true);
	}
}

/* Whatever its length: nothing marks the end of what lz4 has packed. */
static void what_is_there_may_be_packed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(formats) * 8; i++) {
		cleanup(segment_freep) struct segment *first = NULL, *second = NULL;
		cleanup(initrd_freep) struct initrd *initrd = NULL;
		autoclose int fd = file_with("", 0);
		const char *format = formats[i / 8];

		assert_int_equal(segment_new(&first), 0);
		assert_int_equal(segment_add(first, "first", S_IFREG | 0644, "random", i % 8), 0);
		assert_int_equal(segment_append(first, format, fd), 0);
		assert_int_equal(segment_new(&second), 0);
		assert_int_equal(segment_add(second, "second", S_IFREG | 0644, "2", 1), 0);
		assert_int_equal(segment_append(second, format, fd), 0);
		initrd = read_back(fd);
		assert_true(initrd_has(initrd, "first") && initrd_has(initrd, "second"));
	}
}

static void other_formats_are_refused(void **state)
{
	cleanup(segment_freep) struct segment *segment = NULL;
	autoclose int fd = make_initrd(true);

	(void)state;
	assert_int_equal(segment_new(&segment), 0);
	assert_int_equal(segment_append(segment, "lzo", fd), -ERR_UNSUPPORTED);
}

static void assert_place(const struct initrd *initrd, const char *path, const char *place)
{
	char found[256];

	assert_int_equal(initrd_place(initrd, path, found, sizeof(found)), 0);
	assert_string_equal(found, place);
}

static void files_go_where_links_lead(void **state)
{
	cleanup(initrd_freep) struct initrd *merged = NULL, *unmerged = NULL;
	autoclose int fd = make_initrd(true), other = make_initrd(false);
	char small[8];

	(void)state;
	merged = read_back(fd);
	unmerged = read_back(other);
	assert_place(merged, "sbin/cryptsetup", "usr/sbin/cryptsetup");
	assert_place(merged, "lib/live/boot/9999-liveng.sh", "usr/lib/live/boot/9999-liveng.sh");
	assert_place(merged, "etc/x", "etc/x");
	assert_place(merged, "init", "init");
	assert_place(unmerged, "sbin/cryptsetup", "sbin/cryptsetup");
	assert_place(unmerged, "lib/live/boot/9999-liveng.sh", "usr/lib/live/boot/9999-liveng.sh");
	assert_place(unmerged, "lib/udev/rules.d/x", "lib/udev/rules.d/x");
	assert_int_equal(
		initrd_place(merged, "sbin/cryptsetup", small, sizeof(small)), -ERR_TOO_LARGE);
}

static int count(void *data, const char *path)
{
	(void)path;
	++*(int *)data;
	return 0;
}

static void folders_are_made_where_there_are_none(void **state)
{
	cleanup(segment_freep) struct segment *segment = NULL;
	cleanup(initrd_freep) struct initrd *initrd = NULL, *extended = NULL;
	cleanup(parts_freep) struct parts *parts = NULL;
	autoclose int fd = make_initrd(true);
	int n = 0;

	(void)state;
	initrd = read_back(fd);
	assert_int_equal(parts_new(initrd, &parts), 0);
	assert_int_equal(parts_add_text(parts, "lib/a/b/two", 0644, "2"), 0);
	assert_int_equal(parts_add_text(parts, "lib/a/b/one", 0644, "1"), 0);
	assert_int_equal(parts_add_text(parts, "lib/a/b/one", 0644, "1 again"), 0);
	assert_int_equal(parts_add_text(parts, "sbin/three", 0755, "3"), 0);
	assert_int_equal(parts_count(parts), 3);
	assert_true(parts_have(parts, "lib/a/b/one") && parts_have(parts, "sbin"));
	assert_false(parts_have(parts, "lib/a/b/four"));
	assert_int_equal(segment_new(&segment), 0);
	assert_int_equal(parts_write(parts, segment), 0);
	assert_int_equal(segment_append(segment, "zstd", fd), 0);
	extended = read_back(fd);
	assert_int_equal(initrd_walk(extended, "lib/a", count, &n), 0);
	assert_int_equal(n, 4); /* two folders, two files */
	assert_true(initrd_has_exactly(extended, "usr/sbin/three"));
	assert_false(initrd_has_exactly(extended, "sbin/three"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_format_is_read_back),
		cmocka_unit_test(what_is_there_may_be_packed),
		cmocka_unit_test(other_formats_are_refused),
		cmocka_unit_test(files_go_where_links_lead),
		cmocka_unit_test(folders_are_made_where_there_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
