/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Squashfs files made by mksquashfs in each compression, inside a larger file, and damaged ones.
 */

#include "stock/squash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/child.h"
#include "base/file.h"
#include "base/util.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define BEFORE 4096u /* bytes in front of the squashfs */
#define LARGE  (300u * 1024u)

static char folder[] = "/tmp/liveng-test-XXXXXX";
static char tree[64], packed[64], image[64], none[64];

static void make_file(const char *path, size_t size)
{
	cleanup(close_file) FILE *file = NULL;
	char name[256];

	snprintf(name, sizeof(name), "%s/%s", tree, path);
	file = fopen(name, "we");
	assert_non_null(file);
	for (size_t i = 0; i < size; i++)
		fputc((int)(i * i >> 5) & 0xff, file);
}

static void make_folder(const char *path)
{
	char name[256];

	snprintf(name, sizeof(name), "%s/%s", tree, path);
	assert_int_equal(mkdir(name, 0755), 0);
}

static void make_link(const char *path, const char *target)
{
	char name[256];

	snprintf(name, sizeof(name), "%s/%s", tree, path);
	assert_int_equal(symlink(target, name), 0);
}

static void make_tree(void)
{
	snprintf(tree, sizeof(tree), "%s/tree", folder);
	snprintf(packed, sizeof(packed), "%s/packed", folder);
	snprintf(image, sizeof(image), "%s/image", folder);
	snprintf(none, sizeof(none), "%s/none", folder);
	assert_int_equal(mkdir(none, 0755), 0);
	assert_int_equal(mkdir(tree, 0755), 0);
	make_folder("usr");
	make_folder("usr/lib");
	make_folder("usr/sbin");
	make_file("usr/lib/large", LARGE);
	make_file("usr/sbin/small", 100);
	make_file("usr/none", 0);
	make_link("lib", "usr/lib");
	make_link("sbin", "/usr/sbin");
	make_link("usr/lib/up", "../sbin/small");
	make_link("usr/lib/out", "../../../../../usr/sbin/./small");
	make_link("usr/lib/circle", "circle");
	make_link("usr/lib/nowhere", "/no/such/file");
}

/* Make a squashfs, which follows other bytes. Returns its size. */
static uint64_t make_image(const char *const argv[])
{
	autofree uint8_t *bytes = NULL;
	autoclose int fd = -1;
	size_t size;

	assert_int_equal(child_run(argv, NULL, "squashfs-tools"), 0);
	assert_int_equal(file_read_whole(packed, 64u * MIB, (void **)&bytes, &size), 0);
	fd = open(image, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_int_equal(file_write(fd, bytes, size, BEFORE), 0);
	return size;
}

/* Of the tree. */
static uint64_t make_squashfs(const char *compression)
{
	return make_image((const char *const[]){"mksquashfs", tree, packed, "-comp", compression,
		"-noappend", "-quiet", "-no-progress", "-b", "128K", NULL});
}

static int open_squashfs(struct disk *disk, uint64_t size, struct squash **ret_squash)
{
	return squash_open(disk, (struct extent){BEFORE, size}, ret_squash);
}

static void assert_content(struct squash *squash, const char *path, size_t size)
{
	autofree uint8_t *data = NULL;
	size_t found;

	assert_int_equal(squash_read(&(struct squash_layers){{squash}, 1}, path, MIB,
				 (void **)&data, &found),
		0);
	assert_int_equal(found, size);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(data[i], (i * i >> 5) & 0xff);
	assert_int_equal(data[size], 0);
}

static int error_of(struct squash *squash, const char *path, size_t max)
{
	autofree void *data = NULL;
	size_t size;

	return squash_read(&(struct squash_layers){{squash}, 1}, path, max, &data, &size);
}

static void files_are_read_and_links_followed(void **state)
{
	static const char *const compressions[] = {"gzip", "xz", "zstd", "lz4"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(compressions); i++) {
		cleanup(squash_closep) struct squash *squash = NULL;
		cleanup(disk_closep) struct disk *disk = NULL;
		uint64_t size = make_squashfs(compressions[i]);

		assert_int_equal(disk_open(image, false, &disk), 0);
		assert_int_equal(open_squashfs(disk, size, &squash), 0);
		assert_content(squash, "usr/lib/large", LARGE);
		assert_content(squash, "/lib/large", LARGE);
		assert_content(squash, "sbin//small", 100);
		assert_content(squash, "lib/up", 100);
		assert_content(squash, "lib/out", 100);
		assert_content(squash, "usr/none", 0);
		assert_int_equal(error_of(squash, "lib/none", MIB), -ENOENT);
		assert_int_equal(error_of(squash, "lib/nowhere", MIB), -ENOENT);
		assert_int_equal(error_of(squash, "lib/large/more", MIB), -ENOENT);
		assert_int_equal(error_of(squash, "lib/circle", MIB), -ELOOP);
		assert_int_equal(error_of(squash, "lib", MIB), -ERR_FOREIGN);
		assert_int_equal(error_of(squash, "", MIB), -ERR_FOREIGN);
		assert_int_equal(error_of(squash, "lib/large", LARGE - 1), -ERR_TOO_LARGE);
	}
}

/* Over it another, with files that hide some of it: what was in a folder, and what was removed. */
static uint64_t make_layer(void)
{
	return make_image((const char *const[]){"mksquashfs", none, packed, "-noappend", "-quiet",
		"-no-progress", "-p", "usr d 755 0 0", "-p", "usr/lib d 755 0 0", "-p",
		"usr/lib/only f 644 0 0 echo only", "-p", "usr/lib/large f 644 0 0 echo other",
		"-p", "usr/none c 644 0 0 0 0", "-p", "usr/sbin f 644 0 0 echo file", NULL});
}

static void layers_are_one_system(void **state)
{
	cleanup(squash_closep) struct squash *lower = NULL, *upper = NULL;
	cleanup(disk_closep) struct disk *below = NULL, *above = NULL;
	struct squash_layers layers;
	autofree char *only = NULL, *large = NULL;
	uint64_t size;
	size_t n;

	(void)state;
	size = make_squashfs("gzip");
	assert_int_equal(disk_open(image, false, &below), 0);
	assert_int_equal(unlink(image), 0);
	assert_int_equal(open_squashfs(below, size, &lower), 0);
	size = make_layer();
	assert_int_equal(disk_open(image, false, &above), 0);
	assert_int_equal(open_squashfs(above, size, &upper), 0);
	layers = (struct squash_layers){{upper, lower}, 2};
	assert_int_equal(squash_read(&layers, "lib/only", MIB, (void **)&only, &n), 0);
	assert_string_equal(only, "only\n");
	assert_int_equal(squash_read(&layers, "lib/large", MIB, (void **)&large, &n), 0);
	assert_string_equal(large, "other\n");
	assert_int_equal(squash_has(&layers, "lib/nowhere"), 0);
	assert_int_equal(squash_has(&layers, "lib"), 1);
	assert_int_equal(squash_has(&layers, "lib/circle"), -ELOOP);
	assert_int_equal(squash_has(&layers, "usr/none"), 0);
	assert_int_equal(squash_has(&layers, "sbin"), 1);
	assert_int_equal(squash_has(&layers, "sbin/small"), 0);
	layers = (struct squash_layers){{lower, upper}, 2};
	assert_int_equal(squash_has(&layers, "sbin/small"), 1);
	assert_int_equal(squash_has(&layers, "usr/none"), 1);
	assert_int_equal(squash_has(&layers, "lib/only"), 1);
}

static void other_files_are_told_apart(void **state)
{
	cleanup(disk_closep) struct disk *disk = NULL;
	struct squash *squash = NULL;
	uint64_t size = make_squashfs("gzip");

	(void)state;
	assert_int_equal(disk_open(image, false, &disk), 0);
	assert_int_equal(squash_open(disk, (struct extent){0, size}, &squash), -ERR_FOREIGN);
	assert_true(open_squashfs(disk, size / 2, &squash) < 0);
	assert_true(open_squashfs(disk, 50, &squash) < 0);
}

/* No damage does more than fail. */
static void damage_is_an_error(void **state)
{
	uint64_t size = make_squashfs("zstd");
	autofree uint8_t *bytes = NULL;
	unsigned int failed = 0;
	size_t whole;

	(void)state;
	assert_int_equal(file_read_whole(image, 64u * MIB, (void **)&bytes, &whole), 0);
	for (size_t n = 0; n < 600; n++) {
		cleanup(squash_closep) struct squash *squash = NULL;
		cleanup(disk_closep) struct disk *disk = NULL;
		autoclose int fd = open(image, O_WRONLY | O_CLOEXEC);
		/* Each byte of the superblock, and some of the tables at the end. */
		size_t at = n < 96 ? BEFORE + n : whole - 1 - (n - 96);
		uint8_t spoilt = bytes[at] ^ (uint8_t)(1u << n % 8);

		assert_int_equal(file_write(fd, &spoilt, 1, at), 0);
		assert_int_equal(disk_open(image, false, &disk), 0);
		if (open_squashfs(disk, size, &squash) < 0 || error_of(squash, "lib/up", MIB) < 0 ||
			error_of(squash, "usr/none", 0) < 0)
			failed++;
		assert_int_equal(file_write(fd, &bytes[at], 1, at), 0);
	}
	assert_true(failed > 50);
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	make_tree();
	return 0;
}

static int tear_down(void **state)
{
	const char *const argv[] = {"rm", "-rf", folder, NULL};

	(void)state;
	return child_run(argv, NULL, "coreutils");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_read_and_links_followed),
		cmocka_unit_test(layers_are_one_system),
		cmocka_unit_test(other_files_are_told_apart),
		cmocka_unit_test(damage_is_an_error),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
