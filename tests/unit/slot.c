/* SPDX-License-Identifier: GPL-3.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <endian.h>
#include <string.h>

#include "base/util.h"
#include "slots/slot.h"

#define PARTITION_START (1 * MIB) /* so that a wrong offset is seen */
#define PARTITION_SIZE	(8 * MIB)

static const struct extent partition = {PARTITION_START, PARTITION_SIZE};

static void put_both(uint8_t *at, uint32_t n)
{
	uint32_t little = htole32(n), big = htobe32(n);

	memcpy(at, &little, 4);
	memcpy(at + 4, &big, 4);
}

static void make_pvd(struct pvd *pvd, uint32_t root_lba)
{
	uint8_t block[ISO_BLOCK] = {1, 'C', 'D', '0', '0', '1', 1};

	block[129] = block[130] = 2048 >> 8;
	block[156] = 34;
	put_both(block + 158, root_lba);
	put_both(block + 166, 2048);
	memset(block + 883, 0x5a, 512); /* for others to use: must survive */
	assert_int_equal(pvd_parse(block, PARTITION_SIZE / ISO_BLOCK, pvd), 0);
}

static void put_pvd(struct disk *disk, uint32_t lba, uint32_t root_lba)
{
	struct pvd pvd;

	make_pvd(&pvd, root_lba);
	assert_int_equal(
		disk_write(disk, PARTITION_START + (uint64_t)lba * ISO_BLOCK, pvd.block, ISO_BLOCK),
		0);
}

static int make_disk(void **state)
{
	char path[] = "slot-test-XXXXXX";
	autoclose int fd = mkstemp(path);
	struct disk *disk;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, PARTITION_START + PARTITION_SIZE + MIB), 0);
	assert_int_equal(disk_open(path, true, &disk), 0);
	unlink(path);
	*state = disk;
	return 0;
}

static int close_disk(void **state)
{
	disk_close(*state);
	return 0;
}

static void slots_share_the_partition(void **state)
{
	static const uint64_t sizes[] = {
		2 * MIB, 3 * MIB + 2048, 256ull * MIB, 257ull * MIB + 512, 4096ull * MIB};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct slot a = slot_get(sizes[i], SLOT_A), b = slot_get(sizes[i], SLOT_B);
		struct slot whole = slot_get(sizes[i], SLOT_WHOLE);

		assert_int_equal(a.start_lba, 32);
		assert_int_equal(a.start_lba + a.blocks, b.start_lba);
		assert_int_equal(b.start_lba + b.blocks, sizes[i] / ISO_BLOCK);
		assert_int_equal(whole.blocks, a.blocks + b.blocks);
		assert_int_equal((uint64_t)b.start_lba * ISO_BLOCK % MIB, 0);
	}
}

static void the_smallest_partitions_have_no_second_slot(void **state)
{
	(void)state;
	for (uint64_t size = 0; size < 2 * MIB; size += 4096)
		assert_int_equal(slot_get(size, SLOT_B).blocks, 0);
}

static void commit_writes_the_structure_only(void **state)
{
	autofree uint8_t *before = malloc(PARTITION_SIZE);
	autofree uint8_t *after = malloc(PARTITION_SIZE);
	struct disk *disk = *state;
	struct pvd next;

	put_pvd(disk, PVD_LBA, 50);
	assert_int_equal(disk_read(disk, PARTITION_START, before, PARTITION_SIZE), 0);
	make_pvd(&next, 2070);
	assert_int_equal(slot_commit(disk, partition, &next), 0);
	assert_int_equal(disk_read(disk, PARTITION_START, after, PARTITION_SIZE), 0);
	for (size_t i = 0; i < PARTITION_SIZE; i++) {
		size_t in_sector = i - PVD_LBA * ISO_BLOCK;

		if (before[i] != after[i])
			assert_true((in_sector >= 80 && in_sector < 88) ||
				    (in_sector >= 132 && in_sector < 190));
	}
	assert_int_equal(pvd_read(disk, partition, PVD_LBA, &next), 0);
	assert_int_equal(next.root_lba, 2070);
}

static void the_previous_tree_is_found_in_the_other_slot(void **state)
{
	struct slot a = slot_get(PARTITION_SIZE, SLOT_A), b = slot_get(PARTITION_SIZE, SLOT_B);
	struct disk *disk = *state;
	struct pvd previous;

	put_pvd(disk, PVD_LBA, b.start_lba + 20);
	assert_int_equal(slot_previous(disk, partition, &previous), -ENOENT);
	put_pvd(disk, a.start_lba + PVD_LBA, a.start_lba + 21);
	assert_int_equal(slot_previous(disk, partition, &previous), 0);
	assert_int_equal(previous.root_lba, a.start_lba + 21);

	put_pvd(disk, PVD_LBA, a.start_lba + 21);
	assert_int_equal(slot_previous(disk, partition, &previous), -ENOENT);
	put_pvd(disk, b.start_lba + PVD_LBA, b.start_lba + 20);
	assert_int_equal(slot_previous(disk, partition, &previous), 0);
	assert_int_equal(previous.root_lba, b.start_lba + 20);
}

/* A stick written from block 0 has no descriptor in slot A: a copy is kept before the first switch.
 */
static void an_old_sticks_tree_is_preserved_once(void **state)
{
	struct slot b = slot_get(PARTITION_SIZE, SLOT_B);
	struct disk *disk = *state;
	struct pvd next, previous;

	put_pvd(disk, PVD_LBA, 20);
	assert_int_equal(slot_preserve(disk, partition), 0);
	make_pvd(&next, b.start_lba + 20);
	assert_int_equal(slot_commit(disk, partition, &next), 0);
	assert_int_equal(slot_previous(disk, partition, &previous), 0);
	assert_int_equal(previous.root_lba, 20);
}

static void a_tree_with_its_own_descriptor_needs_no_copy(void **state)
{
	struct slot a = slot_get(PARTITION_SIZE, SLOT_A);
	uint8_t block[ISO_BLOCK];
	struct disk *disk = *state;

	put_pvd(disk, PVD_LBA, a.start_lba + 21);
	put_pvd(disk, a.start_lba + PVD_LBA, a.start_lba + 21);
	assert_int_equal(slot_preserve(disk, partition), 0);
	assert_int_equal(disk_read(disk, PARTITION_START + 8 * ISO_BLOCK, block, ISO_BLOCK), 0);
	for (size_t i = 0; i < ISO_BLOCK; i++)
		assert_int_equal(block[i], 0);
}

static void the_descriptor_set_ends_after_the_primary_one(void **state)
{
	const uint64_t offset = PARTITION_START + (PVD_LBA + 1) * ISO_BLOCK;
	uint8_t joliet[SECTOR_SIZE] = {2, 'C', 'D', '0', '0', '1', 1};
	uint8_t nothing[SECTOR_SIZE] = {0};
	uint8_t terminator[SECTOR_SIZE];
	struct disk *disk = *state;
	enum pvd_next next;

	put_pvd(disk, PVD_LBA, 50);
	assert_int_equal(disk_write(disk, offset, joliet, sizeof(joliet)), 0);
	assert_int_equal(pvd_read_next(disk, partition, &next), 0);
	assert_int_equal(next, PVD_NEXT_DAMAGED);
	pvd_terminator(terminator);
	assert_int_equal(disk_write(disk, offset + ISO_BLOCK, terminator, sizeof(terminator)), 0);
	assert_int_equal(pvd_read_next(disk, partition, &next), 0);
	assert_int_equal(next, PVD_NEXT_OTHER);
	assert_int_equal(slot_terminate(disk, partition), 0);
	assert_int_equal(pvd_read_next(disk, partition, &next), 0);
	assert_int_equal(next, PVD_NEXT_TERMINATOR);

	assert_int_equal(disk_write(disk, offset, nothing, sizeof(nothing)), 0);
	assert_int_equal(pvd_read_next(disk, partition, &next), 0);
	assert_int_equal(next, PVD_NEXT_DAMAGED);
	assert_int_equal(slot_terminate(disk, partition), 0);
	assert_int_equal(pvd_read_next(disk, partition, &next), 0);
	assert_int_equal(next, PVD_NEXT_TERMINATOR);
}

int main(void)
{
#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, make_disk, close_disk)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_share_the_partition),
		cmocka_unit_test(the_smallest_partitions_have_no_second_slot),
		ON_DISK(commit_writes_the_structure_only),
		ON_DISK(the_previous_tree_is_found_in_the_other_slot),
		ON_DISK(an_old_sticks_tree_is_preserved_once),
		ON_DISK(a_tree_with_its_own_descriptor_needs_no_copy),
		ON_DISK(the_descriptor_set_ends_after_the_primary_one),
	};

	return cmocka_run_group_tests_name("slot", tests, NULL, NULL);
}
