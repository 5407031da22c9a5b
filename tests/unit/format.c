/* SPDX-License-Identifier: GPL-3.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <endian.h>
#include <fcntl.h>
#include <string.h>

#include "base/util.h"
#include "slots/format.h"
#include "slots/kernelset.h"
#include "slots/slot.h"

#define PARTITION_START (1 * MIB) /* so that a wrong offset is seen */
#define PARTITION_SIZE	(8 * MIB)
#define SKIP		5000u /* bytes before the kernel, in the file that holds it */
#define KERNEL_SIZE	70000u
#define INITRD_SIZE	MIB

static const struct extent partition = {PARTITION_START, PARTITION_SIZE};

struct fixture {
	struct disk *disk;
	char kernel[32], initrd[32];
	char kernel_sum[DIGEST_TEXT], initrd_sum[DIGEST_TEXT];
	struct format format;
};

static void make_file(char *path, size_t skip, size_t size, char ret_sum[DIGEST_TEXT])
{
	cleanup(digest_freep) struct digest *digest = digest_new();
	autofree uint8_t *bytes = malloc(skip + size);
	autoclose int fd = -1;

	strcpy(path, "format-test-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0 && digest && bytes);
	for (size_t i = 0; i < skip + size; i++)
		bytes[i] = (uint8_t)(i * 7 ^ i >> 8);
	assert_int_equal(write(fd, bytes, skip + size), skip + size);
	assert_int_equal(digest_add(digest, bytes + skip, size), 0);
	assert_int_equal(digest_end(digest, ret_sum), 0);
}

/* A disk filled with 0xa5. */
static int make_fixture(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	autofree uint8_t *dirt = malloc(PARTITION_START + PARTITION_SIZE + MIB);
	char path[] = "format-test-XXXXXX";
	autoclose int fd = mkstemp(path);

	assert_true(fd >= 0 && fixture && dirt);
	memset(dirt, 0xa5, PARTITION_START + PARTITION_SIZE + MIB);
	assert_int_equal(write(fd, dirt, PARTITION_START + PARTITION_SIZE + MIB),
		PARTITION_START + PARTITION_SIZE + MIB);
	assert_int_equal(disk_open(path, true, &fixture->disk), 0);
	unlink(path);
	make_file(fixture->kernel, SKIP, KERNEL_SIZE, fixture->kernel_sum);
	make_file(fixture->initrd, 0, INITRD_SIZE, fixture->initrd_sum);
	fixture->format = (struct format){
		.label = "LIVENG_SYSTEM2",
		.date = "2026112508010203",
		.release = "6.1.0-1-amd64",
		.kernel = {.path = fixture->kernel, .part.extent = {SKIP, KERNEL_SIZE}},
		.initrd = {.path = fixture->initrd},
		.kernel_sum = fixture->kernel_sum,
		.initrd_sum = fixture->initrd_sum,
	};
	*state = fixture;
	return 0;
}

static int free_fixture(void **state)
{
	struct fixture *fixture = *state;

	unlink(fixture->kernel);
	unlink(fixture->initrd);
	disk_close(fixture->disk);
	free(fixture);
	return 0;
}

static uint8_t byte_at(const struct disk *disk, uint64_t offset)
{
	uint8_t byte;

	assert_int_equal(disk_read(disk, offset, &byte, 1), 0);
	return byte;
}

static void a_bare_partition_gets_its_first_set(void **state)
{
	cleanup(volume_closep) struct volume *volume = NULL;
	struct fixture *fixture = *state;
	enum pvd_next next;
	struct pvd pvd, previous;
	struct kernelset set;
	uint32_t blocks;
	char date[17];

	assert_int_equal(format_partition(fixture->disk, partition, &fixture->format, NULL), 0);
	assert_int_equal(pvd_read(fixture->disk, partition, PVD_LBA, &pvd), 0);
	assert_string_equal(pvd.volume_id, "LIVENG_SYSTEM2");
	pvd_date(&pvd, date);
	assert_string_equal(date, "2026112508010203");
	assert_int_equal(slot_holding(PARTITION_SIZE, &pvd), SLOT_A);
	assert_int_equal(pvd_read_next(fixture->disk, partition, &next), 0);
	assert_int_equal(next, PVD_NEXT_TERMINATOR);

	assert_int_equal(volume_open(fixture->disk, partition, &pvd, &volume), 0);
	assert_int_equal(kernelset_read(volume, KERNELSET_CURRENT, &set), 0);
	assert_string_equal(set.release, "6.1.0-1-amd64");
	assert_int_equal(kernelset_verify(fixture->disk, &set, NULL), 0);
	assert_int_equal(kernelset_read(volume, KERNELSET_PREVIOUS, &set), -ENOENT);
	assert_int_equal(slot_previous(fixture->disk, partition, &previous), -ENOENT);

	/* What status relies on. */
	assert_int_equal(pvd_read(fixture->disk, partition, 32 + PVD_LBA, &pvd), 0);
	memcpy(&blocks, pvd.block + 80, sizeof(blocks));
	assert_in_range(le32toh(blocks) * (uint64_t)ISO_BLOCK, KERNEL_SIZE + INITRD_SIZE,
		KERNEL_SIZE + INITRD_SIZE + SESSION_OVERHEAD);

	/* Nothing outside the partition. */
	assert_int_equal(byte_at(fixture->disk, PARTITION_START - 1), 0xa5);
	assert_int_equal(byte_at(fixture->disk, PARTITION_START + PARTITION_SIZE), 0xa5);
	assert_int_equal(byte_at(fixture->disk, PARTITION_START + PARTITION_SIZE - 1), 0);
}

static void the_date_is_now_if_none_is_given(void **state)
{
	struct fixture *fixture = *state;
	struct pvd pvd;
	char date[17];

	fixture->format.date = NULL;
	assert_int_equal(format_partition(fixture->disk, partition, &fixture->format, NULL), 0);
	assert_int_equal(pvd_read(fixture->disk, partition, PVD_LBA, &pvd), 0);
	pvd_date(&pvd, date);
	assert_memory_equal(date, "20", 2);
}

static void what_does_not_fit_is_reported_before_the_first_byte(void **state)
{
	static const char *const labels[] = {"", "0123456789012345678901234567890123", "new\nline"};
	static const char *const dates[] = {"", "20261125", "2026112508010203x"};
	const struct extent small = {PARTITION_START, 2 * MIB};
	struct fixture *fixture = *state;
	struct format format = fixture->format;

	for (size_t i = 0; i < ARRAY_SIZE(labels); i++) {
		format.label = labels[i];
		assert_int_equal(
			format_partition(fixture->disk, partition, &format, NULL), -EINVAL);
	}
	format = fixture->format;
	for (size_t i = 0; i < ARRAY_SIZE(dates); i++) {
		format.date = dates[i];
		assert_int_equal(
			format_partition(fixture->disk, partition, &format, NULL), -EINVAL);
	}
	assert_int_equal(
		format_partition(fixture->disk, small, &fixture->format, NULL), -ERR_NO_ROOM);
	for (uint64_t offset = 0; offset < PARTITION_SIZE; offset += SECTOR_SIZE)
		assert_int_equal(byte_at(fixture->disk, PARTITION_START + offset), 0xa5);
}

static void content_that_does_not_match_the_digests_gets_no_head(void **state)
{
	struct fixture *fixture = *state;
	struct pvd pvd;

	fixture->initrd_sum[3] = fixture->initrd_sum[3] == '0' ? '1' : '0';
	assert_int_equal(
		format_partition(fixture->disk, partition, &fixture->format, NULL), -ERR_VERIFY);
	assert_int_equal(pvd_read(fixture->disk, partition, PVD_LBA, &pvd), -ERR_FOREIGN);
}

int main(void)
{
#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, make_fixture, free_fixture)
	const struct CMUnitTest tests[] = {
		ON_DISK(a_bare_partition_gets_its_first_set),
		ON_DISK(the_date_is_now_if_none_is_given),
		ON_DISK(what_does_not_fit_is_reported_before_the_first_byte),
		ON_DISK(content_that_does_not_match_the_digests_gets_no_head),
	};

	return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
