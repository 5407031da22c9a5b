/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "kept.h"

#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "layout/layout.h"
#include "target/contents.h"

/* The first partition that someone added and that has no place in the new table; NULL: there is
 * none. */
static const struct contents_partition *find_foreign(
	const struct contents *contents, const struct contents_partition *persistence)
{
	for (size_t i = 0; i < contents->n; i++) {
		const struct contents_partition *partition = &contents->partitions[i];

		if (partition->number > LAYOUT_PARTITIONS || partition->start > persistence->start)
			return partition;
	}
	return NULL;
}

/* Find the persistence to keep. One on an unfinished stick counts: it was kept before.
 */
static int find_persistence(
	const struct disk *disk, struct extent *ret_extent, char ret_uuid[UUID_TEXT])
{
	const struct contents_partition *persistence, *foreign;
	struct contents contents;
	int r;

	r = contents_read(disk, &contents);
	if (r < 0)
		return r;
	if (!contents.is_stick && !contents.is_unfinished)
		return refuse(-ERR_NOT_STICK,
			"%s: is not a liveng stick: deploy without --keep-persistence",
			disk_path(disk));
	persistence = contents_partition(&contents, STICK_PERSISTENCE);
	if (!persistence || persistence->start + persistence->size > disk_size(disk))
		return refuse(-ERR_NOT_STICK, "%s: has no persistence to keep", disk_path(disk));
	foreign = find_foreign(&contents, persistence);
	if (foreign)
		return refuse(-ERR_REFUSED,
			"%s: its partition %u would be lost: save its content and delete it first",
			disk_path(disk), foreign->number);
	*ret_extent = (struct extent){persistence->start, persistence->size};
	snprintf(ret_uuid, UUID_TEXT, "%s", persistence->uuid);
	return 0;
}

int kept_read(const struct disk *disk, struct kept *ret_kept)
{
	struct kept kept = {0};
	int r;

	r = find_persistence(disk, &kept.extent, kept.uuid);
	if (r == 0)
		r = luks_read(disk, kept.extent, &kept.luks);
	kept.is_encrypted = r == 0;
	if (kept.extent.size > 0 && r == -ENOENT)
		r = 0;
	if (r < 0 && r != -ERR_NOT_STICK && r != -ERR_REFUSED)
		return report(r, "%s: cannot read its persistence", disk_path(disk));
	if (r == 0)
		*ret_kept = kept;
	return r;
}

bool kept_is_same(const struct kept *one, const struct kept *other)
{
	return one->extent.start == other->extent.start && one->extent.size == other->extent.size &&
	       one->is_encrypted == other->is_encrypted && strcmp(one->uuid, other->uuid) == 0;
}
