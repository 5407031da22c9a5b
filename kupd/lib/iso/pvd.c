/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "pvd.h"

#include <assert.h>
#include <endian.h>
#include <string.h>
#include <time.h>

/* Descriptor types (ECMA-119 8.1.1). */
#define TYPE_PRIMARY	1
#define TYPE_TERMINATOR 255

#define SET_MAX 16u /* descriptors to look at; a set has two to four */

static const char standard_id[5] = {'C', 'D', '0', '0', '1'};

/* A number in both byte orders, as ECMA-119 7.3.3 records it. */
struct both_endian {
	uint32_t little;
	uint32_t big;
} __attribute__((packed));

struct raw_pvd {
	uint8_t type;		       /*   0: ECMA-119 8.4.1 */
	char id[5];		       /*   1: 8.4.2 */
	uint8_t version;	       /*   6: 8.4.3 */
	uint8_t unused1;	       /*   7 */
	char system_id[32];	       /*   8: 8.4.5 */
	char volume_id[32];	       /*  40: 8.4.6 */
	uint8_t unused2[8];	       /*  72 */
	struct both_endian space_size; /*  80: 8.4.8, blocks */
	uint8_t unused3[32];	       /*  88 */
	uint8_t set_size[4];	       /* 120: 8.4.10 */
	uint8_t sequence_number[4];    /* 124: 8.4.11 */
	uint16_t block_size_little;    /* 128: 8.4.12 */
	uint16_t block_size_big;       /* 130 */
	uint8_t path_tables[24];       /* 132: 8.4.13 to 8.4.17, size and locations */
	uint8_t root_length;	       /* 156: 8.4.18, a directory record (9.1) */
	uint8_t root_attribute_length; /* 157 */
	struct both_endian root_lba;   /* 158 */
	struct both_endian root_size;  /* 166, bytes */
	uint8_t root_rest[16];	       /* 174 */
	uint8_t descriptive[623];      /* 190: names of sets and people */
	char creation_date[17];	       /* 813: 8.4.26 */
	char modification_date[17];    /* 830: 8.4.27 */
	uint8_t rest[1201];	       /* 847 */
} __attribute__((packed));

static_assert(sizeof(struct raw_pvd) == ISO_BLOCK, "a descriptor fills one block");
static_assert(offsetof(struct raw_pvd, space_size) == 80, "ECMA-119 8.4.8");
static_assert(offsetof(struct raw_pvd, path_tables) == 132, "ECMA-119 8.4.13");
static_assert(offsetof(struct raw_pvd, root_length) == 156, "ECMA-119 8.4.18");
static_assert(offsetof(struct raw_pvd, creation_date) == 813, "ECMA-119 8.4.26");
static_assert(offsetof(struct raw_pvd, descriptive) <= SECTOR_SIZE, "the switch is one sector");

static struct both_endian both(uint32_t n)
{
	return (struct both_endian){.little = htole32(n), .big = htobe32(n)};
}

static bool agree(struct both_endian n)
{
	return le32toh(n.little) == be32toh(n.big);
}

/* Volume identifiers are padded with spaces. */
static void copy_padded(const char *from, size_t size, char *to)
{
	while (size > 0 && (from[size - 1] == ' ' || from[size - 1] == 0))
		size--;
	memcpy(to, from, size);
	to[size] = 0;
}

int pvd_parse(const uint8_t block[ISO_BLOCK], uint64_t max_blocks, struct pvd *ret_pvd)
{
	struct raw_pvd raw;
	uint64_t root_end;

	memcpy(&raw, block, sizeof(raw));
	if (raw.type != TYPE_PRIMARY || memcmp(raw.id, standard_id, sizeof(raw.id)) != 0 ||
		raw.version != 1)
		return -ERR_FOREIGN;
	if (le16toh(raw.block_size_little) != ISO_BLOCK || !agree(raw.root_lba) ||
		!agree(raw.root_size) || raw.root_length < 34)
		return -ERR_DAMAGED;
	root_end = (uint64_t)le32toh(raw.root_lba.little) +
		   ROUND_UP(le32toh(raw.root_size.little), ISO_BLOCK) / ISO_BLOCK;
	if (le32toh(raw.root_lba.little) <= PVD_LBA || le32toh(raw.root_size.little) == 0 ||
		root_end > max_blocks)
		return -ERR_DAMAGED;

	memcpy(ret_pvd->block, block, ISO_BLOCK);
	ret_pvd->root_lba = le32toh(raw.root_lba.little);
	ret_pvd->root_size = le32toh(raw.root_size.little);
	copy_padded(raw.volume_id, sizeof(raw.volume_id), ret_pvd->volume_id);
	return 0;
}

int pvd_read(const struct disk *disk, struct extent partition, uint32_t lba, struct pvd *ret_pvd)
{
	uint8_t block[ISO_BLOCK];
	uint64_t offset = (uint64_t)lba * ISO_BLOCK;
	int r;

	if (offset + ISO_BLOCK > partition.size)
		return -ERR_FOREIGN;
	r = disk_read_medium(disk, partition.start + offset, block, sizeof(block));
	if (r < 0)
		return r;
	return pvd_parse(block, partition.size / ISO_BLOCK, ret_pvd);
}

static void date_now(char ret_digits[17])
{
	struct timespec now;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(ret_digits, 15, "%Y%m%d%H%M%S", &tm);
	ret_digits[14] = (char)('0' + now.tv_nsec / 100000000);
	ret_digits[15] = (char)('0' + now.tv_nsec / 10000000 % 10);
	ret_digits[16] = 0;
}

int pvd_new(const char *label, const char *date, struct pvd *ret_pvd)
{
	struct raw_pvd raw = {.type = TYPE_PRIMARY, .version = 1};
	size_t length = strlen(label);
	char now[17];

	date_now(now);
	if (!date)
		date = now;
	if (length == 0 || length > sizeof(raw.volume_id) || label[length - 1] == ' ' ||
		strlen(date) != 16 || strspn(date, "0123456789") != 16)
		return -EINVAL;
	for (size_t i = 0; i < length; i++)
		if (label[i] < ' ' || label[i] > '~')
			return -EINVAL;

	memcpy(raw.id, standard_id, sizeof(raw.id));
	memset(raw.volume_id, ' ', sizeof(raw.volume_id));
	memcpy(raw.volume_id, label, length);
	memcpy(raw.creation_date, date, 16);
	memcpy(raw.modification_date, date, 16);
	*ret_pvd = (struct pvd){0};
	memcpy(ret_pvd->block, &raw, sizeof(raw));
	memcpy(ret_pvd->volume_id, label, length);
	return 0;
}

void pvd_rename(struct pvd *pvd, const struct pvd *other)
{
	struct raw_pvd to, from;

	memcpy(&to, pvd->block, sizeof(to));
	memcpy(&from, other->block, sizeof(from));
	memcpy(to.volume_id, from.volume_id, sizeof(to.volume_id));
	memcpy(to.creation_date, from.creation_date, sizeof(to.creation_date));
	memcpy(to.modification_date, from.modification_date, sizeof(to.modification_date));
	memcpy(pvd->block, &to, sizeof(to));
	memcpy(pvd->volume_id, other->volume_id, sizeof(pvd->volume_id));
}

uint64_t pvd_blocks(const struct pvd *pvd)
{
	struct both_endian space_size;

	memcpy(&space_size, pvd->block + offsetof(struct raw_pvd, space_size), sizeof(space_size));
	return le32toh(space_size.little);
}

void pvd_set_blocks(struct pvd *pvd, uint64_t blocks)
{
	const struct both_endian space_size = both((uint32_t)MIN(blocks, (uint64_t)UINT32_MAX));

	memcpy(pvd->block + offsetof(struct raw_pvd, space_size), &space_size, sizeof(space_size));
}

void pvd_switch(const struct pvd *current, const struct pvd *next, uint8_t ret_sector[SECTOR_SIZE])
{
	static const struct {
		size_t start, end;
	} structural[] = {
		{offsetof(struct raw_pvd, space_size), offsetof(struct raw_pvd, unused3)},
		{offsetof(struct raw_pvd, path_tables), offsetof(struct raw_pvd, descriptive)},
	};

	memcpy(ret_sector, current->block, SECTOR_SIZE);
	for (size_t i = 0; i < ARRAY_SIZE(structural); i++)
		memcpy(ret_sector + structural[i].start, next->block + structural[i].start,
			structural[i].end - structural[i].start);
}

void pvd_date(const struct pvd *pvd, char ret_digits[17])
{
	struct raw_pvd raw;
	const char *date;

	memcpy(&raw, pvd->block, sizeof(raw));
	date = raw.modification_date;
	if (strspn(date, "0") >= 16 || date[0] == 0)
		date = raw.creation_date;
	memcpy(ret_digits, date, 16);
	ret_digits[16] = 0;
	for (size_t i = 0; i < 16; i++) {
		if (ret_digits[i] < '0' || ret_digits[i] > '9')
			ret_digits[i] = '0';
	}
}

int pvd_read_next(const struct disk *disk, struct extent partition, enum pvd_next *ret_next)
{
	uint8_t head[7];
	int r;

	/* Readers continue to the terminator: without one they read whatever follows. */
	for (uint32_t lba = PVD_LBA + 1; lba < PVD_LBA + SET_MAX; lba++) {
		r = disk_read_medium(
			disk, partition.start + (uint64_t)lba * ISO_BLOCK, head, sizeof(head));
		if (r < 0)
			return r;
		if (memcmp(head + 1, standard_id, sizeof(standard_id)) != 0)
			break;
		if (head[0] == TYPE_TERMINATOR && head[6] == 1) {
			*ret_next = lba == PVD_LBA + 1 ? PVD_NEXT_TERMINATOR : PVD_NEXT_OTHER;
			return 0;
		}
	}
	*ret_next = PVD_NEXT_DAMAGED;
	return 0;
}

void pvd_terminator(uint8_t ret_sector[SECTOR_SIZE])
{
	memset(ret_sector, 0, SECTOR_SIZE);
	ret_sector[0] = TYPE_TERMINATOR;
	memcpy(ret_sector + 1, standard_id, sizeof(standard_id));
	ret_sector[6] = 1;
}
