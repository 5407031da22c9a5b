/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "table.h"

#include <assert.h>
#include <libfdisk.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/tempfile.h"
#include "base/util.h"
#include "output/output.h"

#define TYPE_LINUX "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
#define TYPE_ESP   "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
#define TYPE_BIOS  "21686148-6449-6E6F-744E-656564454649"

/* UEFI 5.2.1, table 5-2 */
struct mbr_entry {
	uint8_t status;
	uint8_t first_chs[3];
	uint8_t type;
	uint8_t last_chs[3];
	uint8_t start[4]; /* little-endian, as is sectors */
	uint8_t sectors[4];
};
static_assert(sizeof(struct mbr_entry) == 16, "UEFI 5.2.1");
#define MBR_TABLE 446u

static const struct {
	const char *name;
	const char *type;
} partitions[LAYOUT_PARTITIONS + 1] = {
	[STICK_SYSTEM] = {"liveng-system", TYPE_LINUX},
	[STICK_KERNEL] = {"liveng-kernel", TYPE_LINUX},
	[STICK_ESP] = {"liveng-esp", TYPE_ESP},
	[STICK_PERSISTENCE] = {"persistence", TYPE_LINUX},
	[LAYOUT_BIOS] = {"liveng-bios", TYPE_BIOS},
};

static void free_context(struct fdisk_context **context)
{
	fdisk_unref_context(*context);
}

static void free_script(struct fdisk_script **script)
{
	fdisk_unref_script(*script);
}

static void free_table(struct fdisk_table **table)
{
	fdisk_unref_table(*table);
}

static int add_partition(struct fdisk_context *context, struct fdisk_table *table,
	unsigned int number, struct extent extent, const char *uuid)
{
	struct fdisk_partition *partition = fdisk_new_partition();
	struct fdisk_parttype *type = NULL;
	int r = partition ? 0 : -ENOMEM;

	if (r == 0) {
		type = fdisk_label_get_parttype_from_string(
			fdisk_get_label(context, "gpt"), partitions[number].type);
		r = type ? 0 : -EINVAL;
	}
	if (r == 0)
		r = fdisk_partition_set_partno(partition, number - 1);
	if (r == 0)
		r = fdisk_partition_set_start(partition, extent.start / SECTOR_SIZE);
	if (r == 0)
		r = fdisk_partition_set_size(partition, extent.size / SECTOR_SIZE);
	if (r == 0)
		r = fdisk_partition_set_type(partition, type);
	if (r == 0)
		r = fdisk_partition_set_name(partition, partitions[number].name);
	if (r == 0)
		r = fdisk_partition_set_uuid(partition, uuid);
	if (r == 0)
		r = fdisk_table_add_partition(table, partition);
	fdisk_unref_partition(partition);
	return r;
}

/* Make the table in an empty file as long as the disk. */
static int make_in_file(int fd, const struct layout *layout, const struct ids *ids)
{
	cleanup(free_context) struct fdisk_context *context = fdisk_new_context();
	cleanup(free_script) struct fdisk_script *script = NULL;
	cleanup(free_table) struct fdisk_table *table = fdisk_new_table();
	int r;

	if (!context || !table)
		return -ENOMEM;
	fdisk_save_user_sector_size(context, SECTOR_SIZE, SECTOR_SIZE);
	r = fdisk_assign_device_by_fd(context, fd, "table", 0);
	if (r < 0)
		return r;
	script = fdisk_new_script(context);
	if (!script)
		return -ENOMEM;
	r = fdisk_script_set_header(script, "label", "gpt");
	if (r == 0)
		r = fdisk_script_set_header(script, "label-id", ids->disk);
	/* By default libfdisk keeps the first MiB free, but the BIOS partition goes there. */
	if (r == 0)
		r = fdisk_script_set_header(script, "first-lba", "34");
	for (unsigned int n = 1; r == 0 && n <= LAYOUT_PARTITIONS; n++) {
		if (layout->partitions[n].size > 0)
			r = add_partition(
				context, table, n, layout->partitions[n], ids->partitions[n]);
	}
	if (r == 0)
		r = fdisk_script_set_table(script, table);
	if (r == 0)
		r = fdisk_apply_script(context, script);
	if (r == 0)
		r = fdisk_write_disklabel(context);
	return fdisk_deassign_device(context, 1) < 0 && r == 0 ? -ERR_TOOL : r;
}

/*
 * Some BIOSes boot a disk only if an entry of its MBR is active. It may not be the protective one:
 * with that some UEFI firmware does not take the table for a GPT. So the second one is, which
 * describes nothing: type 0, one sector long, at sector 0.
 */
static void add_active_entry(uint8_t mbr[SECTOR_SIZE])
{
	static const struct mbr_entry entry = {
		.status = 0x80,
		.first_chs = {0, 1, 0},
		.last_chs = {0, 1, 0},
		.sectors = {1, 0, 0, 0},
	};

	memcpy(mbr + MBR_TABLE + sizeof(entry), &entry, sizeof(entry));
}

int table_make(const struct layout *layout, const struct ids *ids, struct table *ret_table)
{
	autoclose int fd = -1;
	struct table table;
	int r;

	r = tempfile_in_memory(layout->disk_size, &fd);
	if (r == 0)
		r = make_in_file(fd, layout, ids);
	if (r == 0)
		r = file_read(fd, table.primary, sizeof(table.primary), 0);
	if (r == 0)
		r = file_read(fd, table.backup, sizeof(table.backup), table_backup_offset(layout));
	if (r < 0)
		return report(r, "cannot make the partition table");
	add_active_entry(table.primary);
	*ret_table = table;
	return 0;
}

uint64_t table_backup_offset(const struct layout *layout)
{
	return ROUND_DOWN(layout->disk_size, SECTOR_SIZE) - LAYOUT_TABLE_BACKUP_SIZE;
}

int table_write(const struct table *table, const struct layout *layout, struct output *output)
{
	int r;

	r = output_write(
		output, table_backup_offset(layout), table->backup, LAYOUT_TABLE_BACKUP_SIZE);
	if (r == 0)
		r = output_flush(output);
	/* The entries are written before the sector that makes them valid. */
	if (r == 0)
		r = output_write(output, SECTOR_SIZE, table->primary + SECTOR_SIZE,
			LAYOUT_TABLE_PRIMARY_SIZE - SECTOR_SIZE);
	if (r == 0)
		r = output_flush(output);
	if (r == 0)
		r = output_write(output, 0, table->primary, SECTOR_SIZE);
	return r == 0 ? output_flush(output) : r;
}
