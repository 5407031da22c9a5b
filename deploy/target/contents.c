/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "contents.h"

#include <stdarg.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "machine/udev.h"
#include "stick/stick.h"

#define LUKS	    "crypto_LUKS" /* libblkid's name */
#define NUMBERS_MAX 128u	  /* the partitions of a default GPT */

static void copy_name(const char *name, char *to, size_t size)
{
	snprintf(to, size, "%s", name ? name : "");
	text_make_safe(to);
}

/* Not an error if nothing is known. */
static int identify(
	const struct disk *disk, struct extent extent, struct filesystem *ret_filesystem)
{
	int r;

	*ret_filesystem = (struct filesystem){0};
	if (extent.size == 0)
		return 0;
	r = probe_filesystem(disk, extent, ret_filesystem);
	return r == -ENOENT ? 0 : r;
}

static int add_partition(
	const struct disk *disk, blkid_partition partition, struct contents *contents)
{
	struct contents_partition *added = &contents->partitions[contents->n];
	struct extent extent = probe_extent(partition);

	if (blkid_partition_is_extended(partition))
		return 0;
	if (contents->n == CONTENTS_PARTITIONS_MAX) {
		contents->left_out++;
		return 0;
	}
	*added = (struct contents_partition){
		.number = (unsigned int)blkid_partition_get_partno(partition),
		.start = extent.start,
		.size = extent.size,
	};
	copy_name(blkid_partition_get_name(partition), added->name, sizeof(added->name));
	copy_name(blkid_partition_get_uuid(partition), added->uuid, sizeof(added->uuid));
	contents->n++;
	/* A table may contain anything. */
	if (extent.start >= disk_size(disk))
		return 0;
	extent.size = MIN(extent.size, disk_size(disk) - extent.start);
	return identify(disk, extent, &added->identity);
}

static int read_table(const struct disk *disk, struct contents *contents)
{
	cleanup(probe_freep) blkid_probe probe = NULL;
	blkid_partlist list;
	int r;

	r = probe_partitions(disk, &probe, &list);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	copy_name(blkid_parttable_get_type(blkid_partlist_get_table(list)), contents->table,
		sizeof(contents->table));
	for (int i = 0; r == 0 && i < blkid_partlist_numof_partitions(list); i++)
		r = add_partition(disk, blkid_partlist_get_partition(list, i), contents);
	return r;
}

const struct contents_partition *contents_partition(
	const struct contents *contents, unsigned int number)
{
	for (size_t i = 0; i < contents->n; i++)
		if (contents->partitions[i].number == number)
			return &contents->partitions[i];
	return NULL;
}

/* A kernel partition may have lost its file system, if everything else shows what it was. */
static bool is_stick(const struct contents *contents)
{
	const struct contents_partition *kernel = contents_partition(contents, STICK_KERNEL);
	const struct contents_partition *system = contents_partition(contents, STICK_SYSTEM);

	if (!kernel || kernel->identity.type[0])
		return kernel && stick_is_kernel_label(kernel->identity.label);
	return stick_label_by_others(kernel->name, system ? system->identity.label : NULL);
}

static void judge(struct contents *contents)
{
	contents->is_stick = is_stick(contents);
	contents->is_unfinished = contents->n == 1 &&
				  contents->partitions[0].number == STICK_PERSISTENCE &&
				  strcmp(contents->partitions[0].name, "persistence") == 0;
}

int contents_read(const struct disk *disk, struct contents *ret_contents)
{
	const struct extent all = {0, disk_size(disk)};
	struct contents contents = {0};
	int r;

	if (all.size > 0) {
		r = identify(disk, all, &contents.whole);
		if (r == 0)
			r = read_table(disk, &contents);
		if (r < 0)
			return r;
	}
	judge(&contents);
	*ret_contents = contents;
	return 0;
}

static void identify_udev(const struct host *host, dev_t devno, struct filesystem *ret_filesystem)
{
	udev_property(
		host, devno, "ID_FS_TYPE", ret_filesystem->type, sizeof(ret_filesystem->type));
	udev_property(host, devno, "ID_FS_LABEL_ENC", ret_filesystem->label,
		sizeof(ret_filesystem->label));
	udev_property(
		host, devno, "ID_FS_UUID", ret_filesystem->uuid, sizeof(ret_filesystem->uuid));
}

int contents_read_udev(const struct host *host, dev_t devno, struct contents *ret_contents)
{
	struct contents contents = {0};
	char sectors[24];

	identify_udev(host, devno, &contents.whole);
	udev_property(host, devno, "ID_PART_TABLE_TYPE", contents.table, sizeof(contents.table));
	if (!contents.whole.type[0] && !contents.table[0])
		return -ENOENT;
	for (unsigned int number = 1; number <= NUMBERS_MAX && contents.table[0]; number++) {
		struct contents_partition *added = &contents.partitions[contents.n];
		dev_t partition;

		if (device_partition(host->root, devno, number, &partition) < 0)
			continue;
		if (contents.n == CONTENTS_PARTITIONS_MAX) {
			contents.left_out++;
			continue;
		}
		added->number = number;
		udev_property(host, partition, "ID_PART_ENTRY_SIZE", sectors, sizeof(sectors));
		added->size = strtoull(sectors, NULL, 10) * SECTOR_SIZE;
		udev_property(
			host, partition, "ID_PART_ENTRY_NAME", added->name, sizeof(added->name));
		identify_udev(host, partition, &added->identity);
		contents.n++;
	}
	judge(&contents);
	*ret_contents = contents;
	return 0;
}

void contents_describe(const struct filesystem *identity, char *text, size_t size)
{
	const char *type = identity->type;

	if (strcmp(type, "iso9660") == 0)
		type = "ISO 9660";
	else if (strcmp(type, LUKS) == 0)
		type = "LUKS";
	else if (!type[0])
		type = "unknown";
	snprintf(text, size, "%s%s%s%s", type, identity->label[0] ? " \"" : "", identity->label,
		identity->label[0] ? "\"" : "");
}

/* Append as much as fits. */
__attribute__((format(printf, 3, 4))) static void append(
	char *text, size_t size, const char *format, ...)
{
	size_t length = strlen(text);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text + length, size - length, format, arguments);
	va_end(arguments);
}

void contents_summary(const struct contents *contents, char *text, size_t size)
{
	const struct contents_partition *persistence =
		contents_partition(contents, STICK_PERSISTENCE);
	char part[96];

	text[0] = '\0';
	if (contents->error < 0) {
		append(text, size, "something that cannot be read: %s",
			error_text(contents->error));
	} else if (contents->is_stick) {
		append(text, size, "liveng stick");
		if (persistence && strcmp(persistence->identity.type, LUKS) == 0)
			append(text, size, ", with encrypted persistence");
		else if (persistence && persistence->identity.type[0])
			append(text, size, ", with persistence");
	} else if (contents->is_unfinished) {
		append(text, size, "the persistence of a liveng stick, without a system");
	} else if (contents->whole.type[0]) {
		contents_describe(&contents->whole, text, size);
	} else if (contents->table[0]) {
		append(text, size, "%s: ", contents->table);
		for (size_t i = 0; i < contents->n; i++) {
			contents_describe(&contents->partitions[i].identity, part, sizeof(part));
			append(text, size, "%s%s", i > 0 ? ", " : "", part);
		}
		if (contents->n == 0)
			append(text, size, "no partitions");
		if (contents->left_out > 0)
			append(text, size, ", %zu more", contents->left_out);
	} else {
		append(text, size, "nothing known");
	}
}
