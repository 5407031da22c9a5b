/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "probe.h"

#include "base/text.h"
#include "base/util.h"

void probe_freep(blkid_probe *probe)
{
	if (*probe)
		blkid_free_probe(*probe);
}

static int open_probe(const struct disk *disk, struct extent extent, blkid_probe *ret_probe)
{
	cleanup(probe_freep) blkid_probe probe = blkid_new_probe();

	if (!probe)
		return -ENOMEM;
	if (blkid_probe_set_device(probe, disk_fd(disk), (blkid_loff_t)extent.start,
		    (blkid_loff_t)extent.size) != 0)
		return errno ? -errno : -EIO;
	*ret_probe = steal_pointer(probe);
	return 0;
}

static void copy_value(blkid_probe probe, const char *name, char *to, size_t size)
{
	const char *value = NULL;

	if (blkid_probe_lookup_value(probe, name, &value, NULL) != 0)
		value = "";
	snprintf(to, size, "%s", value);
	text_make_safe(to);
}

int probe_filesystem(
	const struct disk *disk, struct extent extent, struct filesystem *ret_filesystem)
{
	cleanup(probe_freep) blkid_probe probe = NULL;
	int r;

	r = open_probe(disk, extent, &probe);
	if (r < 0)
		return r;
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(
		probe, BLKID_SUBLKS_LABEL | BLKID_SUBLKS_UUID | BLKID_SUBLKS_TYPE);
	errno = 0;
	r = blkid_do_safeprobe(probe);
	/* -2: ambiguous, several file systems match; any other negative value: it could not be
	 * read. */
	if (r < 0 && r != -2)
		return errno ? -errno : -EIO;
	if (r != 0)
		return -ENOENT;
	copy_value(probe, "TYPE", ret_filesystem->type, sizeof(ret_filesystem->type));
	copy_value(probe, "LABEL", ret_filesystem->label, sizeof(ret_filesystem->label));
	copy_value(probe, "UUID", ret_filesystem->uuid, sizeof(ret_filesystem->uuid));
	return 0;
}

int probe_partitions(const struct disk *disk, blkid_probe *ret_probe, blkid_partlist *ret_list)
{
	const struct extent all = {0, disk_size(disk)};
	cleanup(probe_freep) blkid_probe probe = NULL;
	blkid_partlist list;
	int r;

	r = open_probe(disk, all, &probe);
	if (r < 0)
		return r;
	blkid_probe_enable_superblocks(probe, 0);
	blkid_probe_enable_partitions(probe, 1);
	errno = 0;
	r = blkid_do_fullprobe(probe);
	if (r < 0)
		return errno ? -errno : -EIO;
	list = r == 0 ? blkid_probe_get_partitions(probe) : NULL;
	if (!list || !blkid_partlist_get_table(list))
		return -ENOENT;
	*ret_probe = steal_pointer(probe);
	*ret_list = list;
	return 0;
}

struct extent probe_extent(blkid_partition partition)
{
	return (struct extent){(uint64_t)blkid_partition_get_start(partition) * SECTOR_SIZE,
		(uint64_t)blkid_partition_get_size(partition) * SECTOR_SIZE};
}
