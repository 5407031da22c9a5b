/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "slot.h"

#include <string.h>
#include <xxhash.h>

#include "base/digest.h"

#define FIRST_LBA      32u /* of slot A: after the system area and the descriptors */
#define SAVED_LBA      8u /* in the system area, free for other uses in ISO 9660 (ECMA-119 6.2.1) */
#define SLOT_ALIGNMENT 512u /* blocks: the middle is at a multiple of 1 MiB */

#define WRITE_PIECE (4 * MIB)
#define READ_PIECE  MIB
#define WIPE_END    (128 * 1024u) /* bytes; beyond the start of slot A */
#define TREE_MAX    (256 * 1024u) /* bytes at a session's start to compare in memory */

enum slot_id slot_other(enum slot_id id)
{
	return id == SLOT_A ? SLOT_B : SLOT_A;
}

char slot_letter(enum slot_id id)
{
	return id == SLOT_A ? 'A' : 'B';
}

struct slot slot_get(uint64_t partition_size, enum slot_id id)
{
	uint32_t end = (uint32_t)MIN(partition_size / ISO_BLOCK, (uint64_t)UINT32_MAX);
	uint32_t middle = (uint32_t)ROUND_DOWN(end / 2, SLOT_ALIGNMENT);

	/* Too small for slots of 1 MiB each: can only be written in place. */
	if (middle < FIRST_LBA)
		middle = end = MAX(end, FIRST_LBA);
	switch (id) {
	case SLOT_A:
		return (struct slot){"A", FIRST_LBA, middle - FIRST_LBA};
	case SLOT_B:
		return (struct slot){"B", middle, end - middle};
	default:
		return (struct slot){"A+B", FIRST_LBA, end - FIRST_LBA};
	}
}

enum slot_id slot_holding(uint64_t partition_size, const struct pvd *pvd)
{
	return pvd->root_lba < slot_get(partition_size, SLOT_B).start_lba ? SLOT_A : SLOT_B;
}

struct extent slot_extent(struct extent partition, const struct slot *slot)
{
	return (struct extent){
		.start = partition.start + (uint64_t)slot->start_lba * ISO_BLOCK,
		.size = (uint64_t)slot->blocks * ISO_BLOCK,
	};
}

/* Write a few bytes, make them durable, and verify that the medium has them. */
static int write_verified(struct disk *disk, uint64_t offset, const uint8_t *data, size_t size)
{
	uint8_t read_back[ISO_BLOCK];
	int r;

	r = disk_write(disk, offset, data, size);
	if (r == 0)
		r = disk_flush(disk);
	if (r == 0)
		r = disk_read_medium(disk, offset, read_back, size);
	if (r == 0 && memcmp(data, read_back, size) != 0)
		r = -ERR_VERIFY;
	return r;
}

static void free_hash(XXH3_state_t **hash)
{
	XXH3_freeState(*hash);
}

static XXH3_state_t *new_hash(void)
{
	XXH3_state_t *hash = XXH3_createState();

	if (hash)
		XXH3_64bits_reset(hash);
	return hash;
}

/* The copy in the system area may belong to a tree that is about to be overwritten. */
static int forget_preserved(struct disk *disk, struct extent partition, const struct slot *slot)
{
	const uint8_t nothing[ISO_BLOCK] = {0};
	uint32_t middle = slot_get(partition.size, SLOT_B).start_lba;
	struct pvd copy;
	int r;

	r = pvd_read(disk, partition, SAVED_LBA, &copy);
	if (r == -ERR_FOREIGN || r == -ERR_DAMAGED)
		return 0;
	if (r < 0 || (copy.root_lba < middle ? slot->start_lba >= middle
					     : slot->start_lba + slot->blocks <= middle))
		return r;
	return write_verified(
		disk, partition.start + SAVED_LBA * ISO_BLOCK, nothing, sizeof(nothing));
}

/* One sequential pass; keeps the first TREE_MAX bytes in @tree, and the descriptor, which is not
 * written, in @descriptor. */
static int write_body(struct disk *disk, struct extent place, struct session *session,
	const struct observer *observer, uint8_t *tree, uint8_t descriptor[ISO_BLOCK],
	uint64_t *ret_hash)
{
	cleanup(free_hash) XXH3_state_t *hash = new_hash();
	autofree uint8_t *buffer = disk_buffer(WRITE_PIECE);
	uint64_t total = session_size(session);

	if (!buffer || !hash)
		return -ENOMEM;
	for (uint64_t done = 0; done < total;) {
		size_t size = (size_t)MIN(total - done, (uint64_t)WRITE_PIECE);
		/* The slot ends at a page boundary, so the padding stays inside. */
		size_t padded = (size_t)MIN(ROUND_UP(size, DISK_ALIGN), place.size - done);
		int r;

		if (observer_interrupted(observer))
			return -EINTR;
		r = session_read(session, buffer, size);
		if (r < 0)
			return r;
		memset(buffer + size, 0, padded - size);
		if (done == 0) {
			memcpy(descriptor, buffer + PVD_LBA * ISO_BLOCK, ISO_BLOCK);
			memset(buffer + PVD_LBA * ISO_BLOCK, 0, ISO_BLOCK);
			memcpy(tree, buffer, MIN(size, (size_t)TREE_MAX));
		}
		XXH3_64bits_update(hash, buffer, size);
		r = disk_write(disk, place.start + done, buffer, padded);
		if (r < 0)
			return r;
		done += size;
		observer_progress(observer, "writing", done, total);
	}
	*ret_hash = XXH3_64bits_digest(hash);
	return 0;
}

int slot_write(struct disk *disk, struct extent partition, const struct slot *slot,
	struct session *session, const struct observer *observer, struct written *ret_written)
{
	struct extent place = slot_extent(partition, slot);
	size_t tree_size = (size_t)MIN(session_size(session), (uint64_t)TREE_MAX);
	autofree uint8_t *tree = calloc(1, TREE_MAX);
	autofree uint8_t *read_back = disk_buffer(TREE_MAX);
	struct written written = {.extent = {place.start, session_size(session)}};
	uint8_t descriptor[ISO_BLOCK];
	int r;

	if (!tree || !read_back)
		return -ENOMEM;
	if (session_size(session) > place.size)
		return -ERR_NO_ROOM;
	r = forget_preserved(disk, partition, slot);
	if (r == 0)
		r = write_body(disk, place, session, observer, tree, descriptor, &written.hash);
	if (r == 0)
		r = disk_flush(disk);
	if (r == 0)
		r = disk_read_medium(disk, place.start, read_back, tree_size);
	if (r < 0)
		return r;
	if (memcmp(tree, read_back, tree_size) != 0)
		return -ERR_VERIFY;
	r = pvd_parse(descriptor, partition.size / ISO_BLOCK, &written.pvd);
	if (r == 0)
		*ret_written = written;
	return r;
}

/* Add the part of @size bytes, read from byte @start of the disk, that lies in @part. */
static int digest_part(struct digest *digest, struct extent part, const uint8_t *bytes,
	uint64_t start, size_t size)
{
	uint64_t from = MAX(part.start, start);
	uint64_t to = MIN(part.start + part.size, start + size);

	return from < to ? digest_add(digest, bytes + (from - start), (size_t)(to - from)) : 0;
}

int slot_verify(const struct disk *disk, const struct written *written, const struct kernelset *set,
	const struct observer *observer)
{
	const struct extent extent = written->extent;
	cleanup(free_hash) XXH3_state_t *hash = new_hash();
	cleanup(digest_freep) struct digest *kernel = digest_new();
	cleanup(digest_freep) struct digest *initrd = digest_new();
	autofree uint8_t *buffer = disk_buffer(READ_PIECE);
	char kernel_sum[DIGEST_TEXT], initrd_sum[DIGEST_TEXT];
	int r = 0;

	if (!hash || !kernel || !initrd || !buffer)
		return -ENOMEM;
	for (uint64_t done = 0; r == 0 && done < extent.size;) {
		size_t size = (size_t)MIN(extent.size - done, (uint64_t)READ_PIECE);
		uint64_t start = extent.start + done;

		if (observer_interrupted(observer))
			return -EINTR;
		r = disk_read_medium(disk, start, buffer, size);
		if (r < 0)
			return r;
		XXH3_64bits_update(hash, buffer, size);
		r = digest_part(kernel, set->kernel.extent, buffer, start, size);
		if (r == 0)
			r = digest_part(initrd, set->initrd.extent, buffer, start, size);
		done += size;
		observer_progress(observer, "reading", done, extent.size);
	}
	if (r == 0)
		r = digest_end(kernel, kernel_sum);
	if (r == 0)
		r = digest_end(initrd, initrd_sum);
	if (r == 0 && (XXH3_64bits_digest(hash) != written->hash ||
			      strcmp(kernel_sum, set->kernel_sum) != 0 ||
			      strcmp(initrd_sum, set->initrd_sum) != 0))
		r = -ERR_VERIFY;
	return r;
}

int slot_describe(
	struct disk *disk, struct extent partition, const struct slot *slot, const struct pvd *pvd)
{
	return write_verified(disk,
		partition.start + ((uint64_t)slot->start_lba + PVD_LBA) * ISO_BLOCK, pvd->block,
		sizeof(pvd->block));
}

int slot_commit(struct disk *disk, struct extent partition, const struct pvd *next)
{
	uint8_t sector[SECTOR_SIZE];
	struct pvd current, whole = *next;
	int r;

	r = pvd_read(disk, partition, PVD_LBA, &current);
	if (r < 0)
		return r;
	pvd_set_blocks(&whole, partition.size / ISO_BLOCK);
	pvd_switch(&current, &whole, sector);
	return write_verified(disk, partition.start + PVD_LBA * ISO_BLOCK, sector, sizeof(sector));
}

static bool is_tree(const struct pvd *a, const struct pvd *b)
{
	return a->root_lba == b->root_lba && a->root_size == b->root_size;
}

int slot_preserve(struct disk *disk, struct extent partition)
{
	struct pvd current, copy;
	struct slot slot;
	int r;

	r = pvd_read(disk, partition, PVD_LBA, &current);
	if (r < 0)
		return r;
	slot = slot_get(partition.size, slot_holding(partition.size, &current));
	if (pvd_read(disk, partition, slot.start_lba + PVD_LBA, &copy) == 0 &&
		is_tree(&current, &copy))
		return 0;
	if (pvd_read(disk, partition, SAVED_LBA, &copy) == 0 && is_tree(&current, &copy))
		return 0;
	return write_verified(disk, partition.start + SAVED_LBA * ISO_BLOCK, current.block,
		sizeof(current.block));
}

int slot_wipe(struct disk *disk, struct extent partition)
{
	const struct slot b = slot_get(partition.size, SLOT_B);
	const struct extent places[] = {
		{0, FIRST_LBA * ISO_BLOCK},
		{((uint64_t)b.start_lba + PVD_LBA) * ISO_BLOCK, ISO_BLOCK},
		/* Some RAID and file system signatures are located from the end. */
		{ROUND_DOWN(partition.size, SECTOR_SIZE) - MIN(partition.size, WIPE_END), WIPE_END},
	};
	autofree uint8_t *zeroes = disk_buffer(WIPE_END);
	int r = zeroes ? 0 : -ENOMEM;

	if (r == 0)
		memset(zeroes, 0, WIPE_END);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(places); i++)
		if (places[i].start + places[i].size <= partition.size)
			r = disk_write(disk, partition.start + places[i].start, zeroes,
				(size_t)places[i].size);
	return r == 0 ? disk_flush(disk) : r;
}

int slot_write_head(struct disk *disk, struct extent partition, const struct pvd *first)
{
	uint8_t terminator[ISO_BLOCK] = {0};
	struct pvd whole = *first;
	int r;

	pvd_set_blocks(&whole, partition.size / ISO_BLOCK);
	pvd_terminator(terminator);
	r = write_verified(
		disk, partition.start + (PVD_LBA + 1) * ISO_BLOCK, terminator, sizeof(terminator));
	if (r == 0)
		r = write_verified(disk, partition.start + PVD_LBA * ISO_BLOCK, whole.block,
			sizeof(whole.block));
	return r;
}

int slot_terminate(struct disk *disk, struct extent partition)
{
	uint8_t sector[SECTOR_SIZE];
	enum pvd_next next;
	int r;

	r = pvd_read_next(disk, partition, &next);
	if (r < 0 || next == PVD_NEXT_TERMINATOR)
		return r;
	pvd_terminator(sector);
	return write_verified(
		disk, partition.start + (PVD_LBA + 1) * ISO_BLOCK, sector, sizeof(sector));
}

int slot_find_trees(
	const struct disk *disk, struct extent partition, struct pvd ret_trees[SLOT_TREES_MAX])
{
	const uint32_t places[SLOT_TREES_MAX] = {
		slot_get(partition.size, SLOT_A).start_lba + PVD_LBA,
		slot_get(partition.size, SLOT_B).start_lba + PVD_LBA,
		SAVED_LBA,
	};
	int r, n = 0;

	for (size_t i = 0; i < SLOT_TREES_MAX; i++) {
		r = pvd_read(disk, partition, places[i], &ret_trees[n]);
		if (r == 0)
			n++;
		else if (r != -ERR_FOREIGN && r != -ERR_DAMAGED)
			return r;
	}
	return n;
}

int slot_previous(const struct disk *disk, struct extent partition, struct pvd *ret_pvd)
{
	struct pvd current, previous;
	enum slot_id other_id;
	struct slot other;
	int r;

	r = pvd_read(disk, partition, PVD_LBA, &current);
	if (r < 0)
		return r;
	other_id = slot_holding(partition.size, &current) == SLOT_A ? SLOT_B : SLOT_A;
	other = slot_get(partition.size, other_id);

	/* On an old stick slot A begins with file data, not with the descriptor of a tree in it. */
	r = pvd_read(disk, partition, other.start_lba + PVD_LBA, &previous);
	if (r < 0 && r != -ERR_FOREIGN && r != -ERR_DAMAGED)
		return r;
	if (r < 0 || slot_holding(partition.size, &previous) != other_id ||
		previous.root_lba < other.start_lba)
		r = pvd_read(disk, partition, SAVED_LBA, &previous);
	if (r == -ERR_FOREIGN || r == -ERR_DAMAGED)
		return -ENOENT;
	if (r < 0)
		return r;
	if (slot_holding(partition.size, &previous) != other_id)
		return -ENOENT;
	*ret_pvd = previous;
	return 0;
}
