/* SPDX-License-Identifier: GPL-3.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/util.h"
#include "disk/disk.h"

#define SIZE (1024 * 1024)

static int read_error; /* the error of each read of the disk; 0: none */
static unsigned int cached_reads;

static int write_error; /* and of each write */

/* Replaces the C library's. */
ssize_t pwrite(int fd, const void *buffer, size_t size, off_t offset)
{
	if (write_error) {
		errno = write_error;
		return -1;
	}
	return syscall(SYS_pwrite64, fd, buffer, size, offset);
}

ssize_t pread(int fd, void *buffer, size_t size, off_t offset)
{
	if (read_error) {
		errno = read_error;
		return -1;
	}
	cached_reads += !(fcntl(fd, F_GETFL) & O_DIRECT);
	return syscall(SYS_pread64, fd, buffer, size, offset);
}

static int make_file(void **state)
{
	static char path[] = "disk-test-XXXXXX";
	autoclose int fd = -1;

	memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, SIZE), 0);
	*state = path;
	return 0;
}

static int remove_file(void **state)
{
	return unlink(*state);
}

static void open_refuses_what_is_not_a_disk(void **state)
{
	struct disk *disk = NULL;

	(void)state;
	assert_int_equal(disk_open("/", false, &disk), -EISDIR);
	assert_int_equal(disk_open("/dev/null", false, &disk), -ERR_NOT_DISK);
	assert_int_equal(disk_open("/no/such/disk", false, &disk), -ENOENT);
	assert_null(disk);
}

static void a_fifo_does_not_block_open(void **state)
{
	const char *path = "disk-test-fifo";
	struct disk *disk = NULL;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(disk_open(path, true, &disk), -ERR_NOT_DISK);
	unlink(path);
}

/* Sectors at odd places, and whole pieces: each is read back the same, through the cache and
 * bypassing it. */
static void writes_are_read_back(void **state)
{
	static const struct {
		uint64_t offset;
		size_t size;
	} writes[] = {{0, 65536}, {512, 512}, {32768, 512}, {SIZE - 512, 512}, {777, 13}};
	cleanup(disk_closep) struct disk *disk = NULL;
	autofree uint8_t *written = disk_buffer(65536);
	autofree uint8_t *cached = disk_buffer(65536);
	autofree uint8_t *medium = disk_buffer(65536);

	assert_int_equal(disk_open(*state, true, &disk), 0);
	assert_int_equal(disk_size(disk), SIZE);
	assert_false(disk_is_block_device(disk));
	for (size_t i = 0; i < ARRAY_SIZE(writes); i++) {
		memset(written, (int)i + 1, writes[i].size);
		assert_int_equal(disk_write(disk, writes[i].offset, written, writes[i].size), 0);
		assert_int_equal(disk_flush(disk), 0);
		assert_int_equal(disk_read(disk, writes[i].offset, cached, writes[i].size), 0);
		assert_int_equal(
			disk_read_medium(disk, writes[i].offset, medium, writes[i].size), 0);
		assert_memory_equal(written, cached, writes[i].size);
		assert_memory_equal(written, medium, writes[i].size);
	}
	/* What surrounds a sector is unchanged. */
	assert_int_equal(disk_read(disk, 0, cached, 2048), 0);
	assert_int_equal(cached[511], 1);
	assert_int_equal(cached[512], 2);
	assert_int_equal(cached[1024], 1);
}

/* Whatever an image file begins and ends with: sectors, a few bytes, a tail. */
static void the_medium_is_read_past_the_cache(void **state)
{
	static const struct {
		uint64_t offset;
		size_t size;
	} reads[] = {{0, 65536}, {2048, 65536}, {2048, 512}, {SIZE - 512, 512}, {2048, 65537},
		{777, 13}};
	cleanup(disk_closep) struct disk *disk = NULL;
	autofree uint8_t *bytes = disk_buffer(2 * 65536);

	assert_int_equal(disk_open(*state, false, &disk), 0);
	if (open(*state, O_RDONLY | O_DIRECT | O_CLOEXEC) < 0)
		skip(); /* a file system that always caches */
	cached_reads = 0;
	for (size_t i = 0; i < ARRAY_SIZE(reads); i++)
		assert_int_equal(disk_read_medium(disk, reads[i].offset, bytes, reads[i].size), 0);
	assert_int_equal(disk_read_medium(disk, 0, bytes + 512, 512), 0);
	assert_int_equal(cached_reads, 0);
}

static void the_end_is_an_error(void **state)
{
	cleanup(disk_closep) struct disk *disk = NULL;
	uint8_t bytes[1024];

	assert_int_equal(disk_open(*state, false, &disk), 0);
	assert_int_equal(disk_read(disk, SIZE - 512, bytes, sizeof(bytes)), -ERR_SHORT);
	assert_int_equal(disk_read_medium(disk, SIZE - 512, bytes, sizeof(bytes)), -ERR_SHORT);
	assert_int_equal(disk_write(disk, 0, bytes, sizeof(bytes)), -EBADF);
}

/* Linux has several errno values for a failing medium, for instance ENODATA. */
static void a_failing_medium_is_one_error(void **state)
{
	static const int words[] = {EIO, ENODATA, EREMOTEIO, ETIMEDOUT, EILSEQ, ENOLINK};
	cleanup(disk_closep) struct disk *disk = NULL;
	autofree uint8_t *bytes = disk_buffer(DISK_ALIGN);

	assert_int_equal(disk_open(*state, true, &disk), 0);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		read_error = write_error = words[i];
		assert_int_equal(disk_read(disk, 0, bytes, DISK_ALIGN), -EIO);
		assert_int_equal(disk_read_medium(disk, 0, bytes, DISK_ALIGN), -EIO);
		assert_int_equal(disk_read_medium(disk, 512, bytes, 512), -EIO);
		assert_int_equal(disk_write(disk, 0, bytes, DISK_ALIGN), -EIO);
	}
	read_error = write_error = ENODEV;
	assert_int_equal(disk_read_medium(disk, 0, bytes, DISK_ALIGN), -ENODEV);
	assert_int_equal(disk_write(disk, 0, bytes, DISK_ALIGN), -ENODEV);
	read_error = write_error = 0;
	assert_int_equal(disk_read_medium(disk, 0, bytes, DISK_ALIGN), 0);
}

static bool is_interrupted(void *data)
{
	return *(bool *)data;
}

static void a_lock_excludes_others(void **state)
{
	cleanup(disk_closep) struct disk *first = NULL;
	cleanup(disk_closep) struct disk *second = NULL;
	bool interrupted = false;
	const struct observer observer = {.interrupted = is_interrupted, .data = &interrupted};

	assert_int_equal(disk_open(*state, true, &first), 0);
	assert_int_equal(disk_open(*state, true, &second), 0);
	assert_int_equal(disk_lock(first, 0, NULL), 0);
	assert_int_equal(disk_lock(second, 50, NULL), -ERR_BUSY);
	assert_int_equal(disk_lock(second, 50, &observer), -ERR_BUSY);
	interrupted = true;
	assert_int_equal(disk_lock(second, 10000, &observer), -EINTR);
	disk_close(steal_pointer(first));
	assert_int_equal(disk_lock(second, 0, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_refuses_what_is_not_a_disk),
		cmocka_unit_test(a_fifo_does_not_block_open),
		cmocka_unit_test_setup_teardown(writes_are_read_back, make_file, remove_file),
		cmocka_unit_test_setup_teardown(
			the_medium_is_read_past_the_cache, make_file, remove_file),
		cmocka_unit_test_setup_teardown(the_end_is_an_error, make_file, remove_file),
		cmocka_unit_test_setup_teardown(
			a_failing_medium_is_one_error, make_file, remove_file),
		cmocka_unit_test_setup_teardown(a_lock_excludes_others, make_file, remove_file),
	};

	return cmocka_run_group_tests_name("disk", tests, NULL, NULL);
}
