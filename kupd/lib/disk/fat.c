/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "fat.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

#include "base/util.h"

/* The boot sector (fatgen103, "Boot Sector and BPB"), little-endian. */
struct boot_sector {
	uint8_t jump[3];	    /*   0 BS_jmpBoot: EB xx 90 or E9 xx xx */
	char oem_name[8];	    /*   3 BS_OEMName */
	uint16_t sector_size;	    /*  11 BPB_BytsPerSec: 512, 1024, 2048, 4096 */
	uint8_t cluster_sectors;    /*  13 BPB_SecPerClus: a power of two */
	uint16_t reserved_sectors;  /*  14 BPB_RsvdSecCnt: sectors before the first FAT */
	uint8_t fats;		    /*  16 BPB_NumFATs */
	uint16_t root_entries;	    /*  17 BPB_RootEntCnt: 0 on FAT32 */
	uint16_t total_sectors16;   /*  19 BPB_TotSec16: 0 if the count is at offset 32 */
	uint8_t media;		    /*  21 BPB_Media: F0, F8 to FF */
	uint16_t fat_sectors16;	    /*  22 BPB_FATSz16: 0 on FAT32 */
	uint16_t sectors_per_track; /*  24 BPB_SecPerTrk */
	uint16_t heads;		    /*  26 BPB_NumHeads */
	uint32_t hidden_sectors;    /*  28 BPB_HiddSec */
	uint32_t total_sectors32;   /*  32 BPB_TotSec32 */
	uint32_t fat_sectors32;	    /*  36 BPB_FATSz32; this and the rest: FAT32 only */
	uint16_t flags;	       /*  40 BPB_ExtFlags: bit 7: only the FAT in bits 0-3 is in use */
	uint16_t version;      /*  42 BPB_FSVer: 0 */
	uint32_t root_cluster; /*  44 BPB_RootClus */
	uint8_t rest[462];     /*  48 */
	uint8_t signature[2];  /* 510 55 AA, whatever the sector size */
} __attribute__((packed));
static_assert(sizeof(struct boot_sector) == 512, "fatgen103: boot sector");

/* A directory entry (fatgen103, "FAT 32 Byte Directory Entry Structure"). */
struct entry {
	char name[11];	    /*  0 DIR_Name: 8 + 3, padded with spaces; [0] also marks unused ones */
	uint8_t attributes; /* 11 DIR_Attr */
	uint8_t case_bits;  /* 12 DIR_NTRes: shown in lower case; does not matter here */
	uint8_t times[7];   /* 13 DIR_CrtTimeTenth to DIR_LstAccDate */
	uint16_t cluster_high; /* 20 DIR_FstClusHI: FAT32 only */
	uint16_t write_time;   /* 22 DIR_WrtTime */
	uint16_t write_date;   /* 24 DIR_WrtDate */
	uint16_t cluster_low;  /* 26 DIR_FstClusLO */
	uint32_t size;	       /* 28 DIR_FileSize: bytes; 0 for a directory */
} __attribute__((packed));
static_assert(sizeof(struct entry) == 32, "fatgen103: directory entry");

#define ATTR_VOLUME_ID 0x08u /* the label, and each part of a long name (ATTR_LONG_NAME, 0F) */
#define ATTR_DIRECTORY 0x10u

#define NAME_END     '\0'   /* DIR_Name[0]: neither this entry nor any after it is used */
#define NAME_DELETED '\xe5' /* DIR_Name[0]: not used */
#define NAME_E5	     '\x05' /* DIR_Name[0]: the name begins with E5 */

#define FIRST_CLUSTER  2u
#define FAT12_CLUSTERS 4085u					 /* this many or more: FAT16 */
#define DIRECTORY_MAX  (65536u * (uint32_t)sizeof(struct entry)) /* fatgen103: 65,536 entries */

/* A file system; offsets and sizes in bytes, from its start. */
struct fat {
	const struct disk *disk;
	struct extent partition;
	unsigned int bits;     /* 12, 16, 32 */
	uint64_t table;	       /* the FAT in use */
	uint64_t root;	       /* FAT12, FAT16: the root directory, */
	uint32_t root_size;    /* which is not a chain */
	uint32_t root_cluster; /* FAT32: its first cluster; else 0 */
	uint64_t data;	       /* cluster 2 */
	uint32_t cluster_size;
	uint32_t clusters; /* their numbers end before FIRST_CLUSTER + this */
};

/* A directory being read, one sector of 512 bytes at a time. */
struct directory {
	bool is_fixed;	  /* the root of FAT12, FAT16 */
	uint32_t cluster; /* else: the one that holds the next sector */
	uint32_t done;	  /* bytes read so far */
};

static int read_at(const struct fat *fat, uint64_t offset, void *buffer, size_t size)
{
	if (offset > fat->partition.size || size > fat->partition.size - offset)
		return -ERR_DAMAGED;
	/* Not from the page cache: the whole disk's cache does not see what a mount of the
	 * partition writes. */
	return disk_read_medium(fat->disk, fat->partition.start + offset, buffer, size);
}

static bool is_power_of_two(unsigned int n)
{
	return n && !(n & (n - 1));
}

/* NTFS and exFAT look similar, but have 0 FATs and 0 reserved sectors here. */
static bool is_fat(const struct boot_sector *boot)
{
	unsigned int sector_size = le16toh(boot->sector_size);

	return boot->signature[0] == 0x55 && boot->signature[1] == 0xaa &&
	       (boot->jump[0] == 0xeb || boot->jump[0] == 0xe9) && is_power_of_two(sector_size) &&
	       sector_size >= 512 && sector_size <= 4096 &&
	       is_power_of_two(boot->cluster_sectors) && boot->reserved_sectors && boot->fats &&
	       (boot->media == 0xf0 || boot->media >= 0xf8);
}

/* All bits of an entry of the FAT; the top four of FAT32 are not part of it. */
static uint32_t entry_mask(const struct fat *fat)
{
	return fat->bits == 32 ? 0x0fffffff : (1u << fat->bits) - 1;
}

/* The mark ...FF7 in the FAT; anything above it, ...FF8 to ...FFF, ends a chain. */
static uint32_t bad_cluster(const struct fat *fat)
{
	return entry_mask(fat) - 8;
}

static int open_fat(const struct disk *disk, struct extent partition, struct fat *ret_fat)
{
	struct fat fat = {.disk = disk, .partition = partition};
	struct boot_sector boot;
	uint64_t sector_size, total, table_size, clusters, entries;
	unsigned int active = 0;
	int r;

	if (partition.size < sizeof(boot))
		return -ERR_FOREIGN;
	r = read_at(&fat, 0, &boot, sizeof(boot));
	if (r < 0)
		return r;
	if (!is_fat(&boot))
		return -ERR_FOREIGN;

	/* All factors have 32 bits or fewer, so no product of two overflows. */
	sector_size = le16toh(boot.sector_size);
	total = boot.total_sectors16 ? le16toh(boot.total_sectors16)
				     : le32toh(boot.total_sectors32);
	total *= sector_size;
	if (total > partition.size)
		return -ERR_DAMAGED;

	/* GRUB and Linux recognize FAT32 by the missing 16-bit size, not by the number of clusters
	 * as fatgen103 requires; mkfs.fat makes small ones. What matters is where GRUB writes. */
	table_size = le16toh(boot.fat_sectors16);
	if (!table_size) {
		fat.bits = 32;
		table_size = le32toh(boot.fat_sectors32);
		fat.root_cluster = le32toh(boot.root_cluster);
		if (le16toh(boot.flags) & 0x80)
			active = le16toh(boot.flags) & 0x0f;
	}
	if (!table_size || active >= boot.fats)
		return -ERR_DAMAGED;
	table_size *= sector_size;

	fat.table = le16toh(boot.reserved_sectors) * sector_size;
	fat.root = fat.table + boot.fats * table_size;
	fat.table += active * table_size;
	fat.root_size = le16toh(boot.root_entries) * (uint32_t)sizeof(struct entry);
	fat.data = fat.root + ROUND_UP(fat.root_size, sector_size);
	fat.cluster_size = boot.cluster_sectors * (uint32_t)sector_size;
	if (fat.data >= total)
		return -ERR_DAMAGED;

	clusters = (total - fat.data) / fat.cluster_size;
	if (!fat.bits)
		fat.bits = clusters < FAT12_CLUSTERS ? 12 : 16;
	/* If the table is too short for all clusters, the last ones are unused, as in Linux. */
	entries = table_size * 8 / fat.bits;
	if (entries <= FIRST_CLUSTER || !clusters)
		return -ERR_DAMAGED;
	clusters = MIN(clusters, entries - FIRST_CLUSTER);
	if (clusters + FIRST_CLUSTER > bad_cluster(&fat))
		return -ERR_DAMAGED;
	fat.clusters = (uint32_t)clusters;
	*ret_fat = fat;
	return 0;
}

static bool is_cluster(const struct fat *fat, uint32_t cluster)
{
	return cluster >= FIRST_CLUSTER && cluster - FIRST_CLUSTER < fat->clusters;
}

static uint64_t cluster_offset(const struct fat *fat, uint32_t cluster)
{
	return fat->data + (uint64_t)(cluster - FIRST_CLUSTER) * fat->cluster_size;
}

/* The cluster that follows @cluster in its chain; 0 at the end. A free or bad one: -ERR_DAMAGED.
 */
static int next_cluster(const struct fat *fat, uint32_t cluster, uint32_t *ret_next)
{
	uint32_t next = 0;
	int r;

	/* A FAT12 entry is the lower or the upper 12 bits of the two bytes it touches. */
	r = read_at(fat, fat->table + (uint64_t)cluster * fat->bits / 8, &next,
		fat->bits == 32 ? 4 : 2);
	if (r < 0)
		return r;
	next = le32toh(next);
	if (fat->bits == 12 && cluster & 1)
		next >>= 4;
	next &= entry_mask(fat);
	if (next > bad_cluster(fat))
		next = 0;
	else if (!is_cluster(fat, next))
		return -ERR_DAMAGED;
	*ret_next = next;
	return 0;
}

/* Read the next sector of 512 bytes of a directory; returns 0 at its end, 1 if there was one. */
static int read_directory(const struct fat *fat, struct directory *directory,
	struct entry ret_entries[SECTOR_SIZE / sizeof(struct entry)])
{
	uint32_t within = directory->done % fat->cluster_size;
	uint64_t offset;
	int r;

	if (directory->is_fixed) {
		/* It consists of whole sectors of entries: no last piece is shorter. */
		if (directory->done >= ROUND_DOWN(fat->root_size, SECTOR_SIZE))
			return 0;
		offset = fat->root + directory->done;
	} else {
		if (directory->done && !within) {
			r = next_cluster(fat, directory->cluster, &directory->cluster);
			if (r < 0 || !directory->cluster)
				return r;
		}
		/* This also ends a chain that runs in a circle. */
		if (directory->done >= DIRECTORY_MAX || !is_cluster(fat, directory->cluster))
			return -ERR_DAMAGED;
		offset = cluster_offset(fat, directory->cluster) + within;
	}
	r = read_at(fat, offset, ret_entries, SECTOR_SIZE);
	if (r < 0)
		return r;
	directory->done += SECTOR_SIZE;
	return 1;
}

/* ASCII upper case whatever the locale; other letters would depend on a code page. */
static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* One component of a path in the form of DIR_Name; false if it is not an 8.3 name. */
static bool short_name(const char *part, size_t length, char ret_name[11])
{
	const char *dot = memchr(part, '.', length);
	size_t base = dot ? (size_t)(dot - part) : length;
	size_t extension = dot ? length - base - 1 : 0;

	if (!base || base > 8 || extension > 3 || (dot && !extension) ||
		memchr(part, ' ', length) || (dot && memchr(dot + 1, '.', extension)))
		return false;
	memset(ret_name, ' ', 11);
	for (size_t i = 0; i < base; i++)
		ret_name[i] = upper(part[i]);
	for (size_t i = 0; i < extension; i++)
		ret_name[8 + i] = upper(dot[1 + i]);
	if (ret_name[0] == NAME_DELETED)
		ret_name[0] = NAME_E5;
	return true;
}

static bool is_named(const struct entry *entry, const char name[11])
{
	for (size_t i = 0; i < sizeof(entry->name); i++)
		if (upper(entry->name[i]) != name[i])
			return false;
	return true;
}

/* Find a component of a path in the directory that begins at @cluster (0: the root). */
static int find_entry(const struct fat *fat, uint32_t cluster, const char *part, size_t length,
	struct entry *ret_entry)
{
	struct directory directory = {.cluster = cluster ? cluster : fat->root_cluster};
	struct entry entries[SECTOR_SIZE / sizeof(struct entry)];
	char name[11];
	int r;

	if (!short_name(part, length, name))
		return -ENOENT;
	directory.is_fixed = !cluster && fat->bits != 32;
	while ((r = read_directory(fat, &directory, entries)) > 0) {
		for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
			if (entries[i].name[0] == NAME_END)
				return -ENOENT;
			/* A deleted name cannot match: a leading E5 in the wanted name was
			 * replaced. */
			if (entries[i].attributes & ATTR_VOLUME_ID || !is_named(&entries[i], name))
				continue;
			*ret_entry = entries[i];
			return 0;
		}
	}
	return r < 0 ? r : -ENOENT;
}

static uint32_t first_cluster(const struct fat *fat, const struct entry *entry)
{
	uint32_t high = fat->bits == 32 ? le16toh(entry->cluster_high) : 0;

	return high << 16 | le16toh(entry->cluster_low);
}

static int find_file(const struct fat *fat, const char *path, struct entry *ret_entry)
{
	struct entry entry = {.attributes = ATTR_DIRECTORY};
	int r;

	for (path += strspn(path, "/"); *path; path += strspn(path, "/")) {
		size_t length = strcspn(path, "/");
		uint32_t cluster = first_cluster(fat, &entry); /* 0 for the root */

		if (!(entry.attributes & ATTR_DIRECTORY))
			return -ENOENT;
		/* Only `..` may refer to the root as 0, and we never look that up. */
		if (entry.name[0] && !is_cluster(fat, cluster))
			return -ERR_DAMAGED;
		r = find_entry(fat, cluster, path, length, &entry);
		if (r < 0)
			return r;
		path += length;
	}
	if (entry.attributes & ATTR_DIRECTORY)
		return -ENOENT;
	*ret_entry = entry;
	return 0;
}

/*
 * Find the disk offsets of a file's first @n sectors, and check what follows them. Follows the
 * chain no further than that, so a hostile one takes no longer than an honest one.
 */
static int locate_sectors(const struct fat *fat, uint32_t cluster, uint64_t *sectors, size_t n)
{
	size_t per_cluster = fat->cluster_size / SECTOR_SIZE;
	uint64_t offset = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		size_t within = i % per_cluster;

		if (within == 0) {
			if (!is_cluster(fat, cluster))
				return -ERR_DAMAGED;
			offset = fat->partition.start + cluster_offset(fat, cluster);
		}
		sectors[i] = offset + within * SECTOR_SIZE;
		/* Check the last one too: it must not be marked as free or bad. */
		if (i + 1 == n || within + 1 == per_cluster)
			r = next_cluster(fat, cluster, &cluster);
	}
	/* Each cluster leads to exactly one other: if any occurs twice, the successor of the last
	 * one has occurred before as well. */
	for (size_t i = 0; r == 0 && cluster && i < n; i += per_cluster)
		if (sectors[i] == fat->partition.start + cluster_offset(fat, cluster))
			r = -ERR_DAMAGED;
	return r;
}

int fat_locate(const struct disk *disk, struct extent partition, const char *path,
	uint64_t *ret_size, uint64_t *ret_sectors, size_t n)
{
	autofree uint64_t *sectors = NULL;
	struct entry entry;
	struct fat fat;
	uint64_t size;
	size_t needed;
	int r;

	if (partition.size > UINT64_MAX - partition.start)
		return -EINVAL;
	r = open_fat(disk, partition, &fat);
	if (r == 0)
		r = find_file(&fat, path, &entry);
	if (r < 0)
		return r;
	size = le32toh(entry.size);
	sectors = calloc(n + 1, sizeof(*sectors));
	if (!sectors)
		return -ENOMEM;
	needed = MIN(n, (size_t)((size + SECTOR_SIZE - 1) / SECTOR_SIZE));
	if (needed) /* an empty file has no cluster */
		r = locate_sectors(&fat, first_cluster(&fat, &entry), sectors, needed);
	if (r < 0)
		return r;
	*ret_size = size;
	if (n)
		memcpy(ret_sectors, sectors, n * sizeof(*sectors));
	return 0;
}
