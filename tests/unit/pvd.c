/* SPDX-License-Identifier: GPL-3.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <endian.h>
#include <string.h>

#include "iso/pvd.h"

#define BLOCKS 1000u

static void put_both(uint8_t *at, uint32_t n)
{
	uint32_t little = htole32(n), big = htobe32(n);

	memcpy(at, &little, 4);
	memcpy(at + 4, &big, 4);
}

/* A descriptor by the book: ECMA-119 8.4, with literal offsets, so that these are checked as
 * well. */
static void make_block(uint8_t block[ISO_BLOCK], uint32_t root_lba)
{
	memset(block, 0, ISO_BLOCK);
	block[0] = 1;
	memcpy(block + 1, "CD001", 5);
	block[6] = 1;
	memcpy(block + 40, "LIVENG_SYSTEM2                  ", 32);
	put_both(block + 80, 500);
	block[129] = block[130] = 2048 >> 8; /* in both byte orders */
	put_both(block + 132, 10);
	block[156] = 34;
	put_both(block + 158, root_lba);
	put_both(block + 166, 2048);
	memcpy(block + 813, "2024010203040506", 17);
	memcpy(block + 830, "2024010203040507", 17);
}

static void parse_reads_the_fields(void **state)
{
	uint8_t block[ISO_BLOCK];
	struct pvd pvd;
	char date[17];

	(void)state;
	make_block(block, 48);
	assert_int_equal(pvd_parse(block, BLOCKS, &pvd), 0);
	assert_int_equal(pvd.root_lba, 48);
	assert_int_equal(pvd.root_size, 2048);
	assert_string_equal(pvd.volume_id, "LIVENG_SYSTEM2");
	pvd_date(&pvd, date);
	assert_string_equal(date, "2024010203040507");
}

static void parse_refuses_contradictions(void **state)
{
	static const struct {
		size_t offset;
		uint8_t value;
		int error;
	} damages[] = {
		{0, 2, -ERR_FOREIGN},	 /* a supplementary descriptor */
		{1, 'X', -ERR_FOREIGN},	 /* not CD001 */
		{6, 2, -ERR_FOREIGN},	 /* another version */
		{129, 4, -ERR_DAMAGED},	 /* blocks of 1024 bytes */
		{156, 33, -ERR_DAMAGED}, /* a record too short */
		{158, 49, -ERR_DAMAGED}, /* the two byte orders differ */
		{166, 1, -ERR_DAMAGED},
	};
	uint8_t block[ISO_BLOCK];
	struct pvd pvd;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		make_block(block, 48);
		block[damages[i].offset] = damages[i].value;
		assert_int_equal(pvd_parse(block, BLOCKS, &pvd), damages[i].error);
	}
	make_block(block, BLOCKS);
	assert_int_equal(pvd_parse(block, BLOCKS, &pvd), -ERR_DAMAGED);
	make_block(block, UINT32_MAX);
	assert_int_equal(pvd_parse(block, BLOCKS, &pvd), -ERR_DAMAGED);
	make_block(block, 16);
	assert_int_equal(pvd_parse(block, BLOCKS, &pvd), -ERR_DAMAGED);
	make_block(block, BLOCKS - 1);
	assert_int_equal(pvd_parse(block, BLOCKS, &pvd), 0);
}

/* Volume space size (80), path tables and root directory (132 to 189), and nothing else. */
static void switch_takes_the_structure_only(void **state)
{
	uint8_t sector[SECTOR_SIZE];
	struct pvd current, next;

	(void)state;
	make_block(current.block, 48);
	memset(next.block, 0xee, sizeof(next.block));
	pvd_switch(&current, &next, sector);
	for (size_t i = 0; i < SECTOR_SIZE; i++) {
		bool structural = (i >= 80 && i < 88) || (i >= 132 && i < 190);

		assert_int_equal(sector[i], structural ? 0xee : current.block[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_reads_the_fields),
		cmocka_unit_test(parse_refuses_contradictions),
		cmocka_unit_test(switch_takes_the_structure_only),
	};

	return cmocka_run_group_tests_name("pvd", tests, NULL, NULL);
}
