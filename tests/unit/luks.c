/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Headers made by libcryptsetup, located somewhere inside a larger file.
 */

#include "disk/luks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/util.h"

#include <fcntl.h>
#include <libcryptsetup.h>
#include <string.h>
#include <sys/stat.h>

#define START	(7u * MIB + 512u)
#define SIZE	(40u * MIB)
#define HEADERS (4u * MIB)

static char folder[] = "/tmp/liveng-test-XXXXXX";
static char container[64], path[64];

static const struct extent partition = {.start = START, .size = SIZE};

static void quiet(int level, const char *text, void *data)
{
	(void)level;
	(void)text;
	(void)data;
}

/* Make a header in a separate file, then put it into the disk. */
static void make_disk(const char *type, uint64_t metadata_size)
{
	struct crypt_params_luks2 luks2 = {.sector_size = 512};
	struct crypt_params_luks1 luks1 = {.hash = "sha256"};
	/* Benchmarking the iterations takes seconds. */
	const struct crypt_pbkdf_type pbkdf = {.type = CRYPT_KDF_PBKDF2,
		.hash = "sha256",
		.iterations = 1000,
		.flags = CRYPT_PBKDF_NO_BENCHMARK};
	autofree char *buffer = malloc(HEADERS);
	struct crypt_device *device;
	autoclose int in = open(container, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	autoclose int out = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_non_null(buffer);
	assert_int_equal(ftruncate(in, SIZE), 0);
	assert_int_equal(ftruncate(out, START + SIZE), 0);
	assert_int_equal(crypt_init(&device, container), 0);
	crypt_set_log_callback(device, quiet, NULL);
	assert_int_equal(crypt_set_pbkdf_type(device, &pbkdf), 0);
	if (metadata_size > 0)
		assert_int_equal(crypt_set_metadata_size(device, metadata_size, 0), 0);
	assert_int_equal(crypt_format(device, type, "aes", "xts-plain64", NULL, NULL, 64,
				 strcmp(type, CRYPT_LUKS2) == 0 ? (void *)&luks2 : (void *)&luks1),
		0);
	crypt_free(device);
	assert_int_equal(pread(in, buffer, HEADERS, 0), HEADERS);
	assert_int_equal(pwrite(out, buffer, HEADERS, START), HEADERS);
}

static void overwrite(uint64_t at, const void *bytes, size_t size)
{
	autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_int_equal(pwrite(fd, bytes, size, (off_t)(START + at)), size);
}

static int read_at(struct extent extent, struct luks *luks)
{
	cleanup(disk_closep) struct disk *disk = NULL;

	memset(luks, 0, sizeof(*luks));
	assert_int_equal(disk_open(path, false, &disk), 0);
	return luks_read(disk, extent, luks);
}

static void header_is_read_at_an_offset(void **state)
{
	static const struct {
		const char *type;
		uint64_t metadata_size;
	} kinds[] = {{CRYPT_LUKS2, 0}, {CRYPT_LUKS2, MIB}, {CRYPT_LUKS1, 0}};
	struct luks luks;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		make_disk(kinds[i].type, kinds[i].metadata_size);
		assert_int_equal(read_at(partition, &luks), 0);
		assert_string_equal(luks.type, kinds[i].type);
		assert_string_equal(luks.ciphers[0], "aes-xts-plain64");
		assert_string_equal(luks.ciphers[1], "");
	}
}

static void other_content_is_not_luks(void **state)
{
	const struct extent elsewhere = {.start = START + MIB, .size = SIZE - MIB};
	const struct extent tiny = {.start = START, .size = 512};
	struct luks luks;

	(void)state;
	make_disk(CRYPT_LUKS2, 0);
	assert_int_equal(read_at(elsewhere, &luks), -ENOENT);
	assert_int_equal(read_at(tiny, &luks), -ENOENT);
	overwrite(0, "NOPE", 4);
	overwrite(16384, "NOPE", 4);
	assert_int_equal(read_at(partition, &luks), -ENOENT);
	make_disk(CRYPT_LUKS1, 0);
	overwrite(0, "NOPE", 4);
	assert_int_equal(read_at(partition, &luks), -ENOENT);
	/* Turned into an ext4 file system, which left the second copy. */
	make_disk(CRYPT_LUKS2, 0);
	overwrite(0, "NOPE", 4);
	overwrite(1080, "\x53\xef", 2);
	assert_int_equal(read_at(partition, &luks), -ENOENT);
}

static void second_copy_helps(void **state)
{
	struct luks luks;

	(void)state;
	make_disk(CRYPT_LUKS2, 0);
	overwrite(4096 + 10, "damage", 6);
	assert_int_equal(read_at(partition, &luks), 0);
	assert_string_equal(luks.ciphers[0], "aes-xts-plain64");
	overwrite(16384 + 4096 + 10, "damage", 6);
	assert_int_equal(read_at(partition, &luks), -ERR_DAMAGED);
}

static void second_copy_alone_is_enough(void **state)
{
	static const uint64_t sizes[] = {0, 32768, MIB};
	struct luks luks;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		make_disk(CRYPT_LUKS2, sizes[i]);
		overwrite(0, "XXXXXX", 6);
		assert_int_equal(read_at(partition, &luks), 0);
		assert_string_equal(luks.type, CRYPT_LUKS2);
		assert_string_equal(luks.ciphers[0], "aes-xts-plain64");
	}
}

static void impossible_size_is_refused(void **state)
{
	static const uint8_t sizes[][8] = {
		{0}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0, 0, 0, 0, 0, 0x80, 0, 0}};
	struct luks luks;

	(void)state;
	make_disk(CRYPT_LUKS2, 0);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		overwrite(8, sizes[i], 8);
		assert_int_equal(read_at(partition, &luks), -ERR_DAMAGED);
	}
	overwrite(6, "\x7f\xff", 2);
	assert_int_equal(read_at(partition, &luks), -ERR_DAMAGED);
}

static void nothing_is_written(void **state)
{
	autofree char *before = malloc(HEADERS), *after = malloc(HEADERS);
	struct luks luks;
	autoclose int fd = -1;

	(void)state;
	make_disk(CRYPT_LUKS2, 0);
	/* libcryptsetup would repair this header, if it could. */
	overwrite(4096 + 10, "damage", 6);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(fd, before, HEADERS, START), HEADERS);
	assert_int_equal(read_at(partition, &luks), 0);
	assert_int_equal(pread(fd, after, HEADERS, START), HEADERS);
	assert_memory_equal(before, after, HEADERS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_is_read_at_an_offset),
		cmocka_unit_test(other_content_is_not_luks),
		cmocka_unit_test(second_copy_helps),
		cmocka_unit_test(second_copy_alone_is_enough),
		cmocka_unit_test(impossible_size_is_refused),
		cmocka_unit_test(nothing_is_written),
	};
	int r;

	if (!mkdtemp(folder))
		return 1;
	snprintf(container, sizeof(container), "%s/container", folder);
	snprintf(path, sizeof(path), "%s/disk", folder);
	r = cmocka_run_group_tests_name("luks", tests, NULL, NULL);
	unlink(container);
	unlink(path);
	rmdir(folder);
	return r;
}
