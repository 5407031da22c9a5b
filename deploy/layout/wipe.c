/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "wipe.h"

#include <blkid.h>
#include <stdlib.h>

#include "base/util.h"
#include "disk/probe.h"
#include "table.h"

#define SIGNATURES_MAX 64u /* on one disk; each is wiped before the next is searched for */

/* Bytes to wipe before and after a signature: as many as a ZFS label has. */
#define WINDOW (256u * 1024u)

/* Where the next signature on the whole disk begins. -ENOENT: there is none. */
static int find_signature(const struct disk *disk, uint64_t *ret_offset)
{
	cleanup(probe_freep) blkid_probe probe = blkid_new_probe();
	const char *offset = NULL;
	int r;

	if (!probe)
		return -ENOMEM;
	errno = 0;
	if (blkid_probe_set_device(probe, disk_fd(disk), 0, (blkid_loff_t)disk_size(disk)) != 0)
		return errno ? -errno : -EIO;
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_MAGIC);
	blkid_probe_enable_partitions(probe, 1);
	blkid_probe_set_partitions_flags(probe, BLKID_PARTS_MAGIC);
	r = blkid_do_probe(probe);
	if (r != 0)
		return r > 0 ? -ENOENT : errno ? -errno : -EIO;
	if (blkid_probe_lookup_value(probe, "SBMAGIC_OFFSET", &offset, NULL) != 0 &&
		blkid_probe_lookup_value(probe, "PTMAGIC_OFFSET", &offset, NULL) != 0)
		return -ENOENT;
	*ret_offset = strtoull(offset, NULL, 10);
	return 0;
}

static int wipe_around(struct output *output, uint64_t at, uint64_t end)
{
	uint64_t start = ROUND_DOWN(at - MIN(at, (uint64_t)WINDOW), SECTOR_SIZE);

	return output_zero(output, start, MIN(end, start + 2ull * WINDOW) - start);
}

int wipe_end(struct output *output, struct extent extent)
{
	uint64_t size = MIN(extent.size, (uint64_t)WIPE_EDGE);

	extent.start += extent.size - size;
	extent.size = size;
	return output_zero_rest(output, extent);
}

int wipe_edges(struct output *output, struct extent extent)
{
	uint64_t size = MIN(extent.size, (uint64_t)WIPE_EDGE);
	int r;

	r = output_zero_rest(output, (struct extent){extent.start, size});
	return r < 0 ? r : wipe_end(output, extent);
}

int wipe_disk(const struct disk *disk, struct output *output)
{
	uint64_t end = ROUND_DOWN(disk_size(disk), SECTOR_SIZE), at = 0;
	int r;

	/* The tables first: as long as one is found, everything it refers to must be intact. */
	r = output_zero(output, 0, LAYOUT_TABLE_PRIMARY_SIZE);
	if (r == 0)
		r = output_zero(output, end - LAYOUT_TABLE_BACKUP_SIZE, LAYOUT_TABLE_BACKUP_SIZE);
	if (r == 0)
		r = output_flush(output);
	for (unsigned int i = 0; r == 0 && i < SIGNATURES_MAX; i++) {
		r = find_signature(disk, &at);
		if (r == 0)
			r = wipe_around(output, at, end);
	}
	if (r == 0 && find_signature(disk, &at) != -ENOENT)
		r = -EIO; /* written data does not persist */
	return r == -ENOENT ? 0 : r;
}
