/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The two places of the kernel partition that sessions are written to, and the sector that says
 * which one counts. The only module that writes the partition.
 *
 *     block 0      16     32                 middle               end
 *           | free | head | slot A            | slot B            |
 */

#include "base/observer.h"
#include "iso/pvd.h"
#include "iso/session.h"
#include "kernelset.h"

struct slot {
	const char *name;   /* "A", "B", or "A+B": the whole partition, for a write in place */
	uint32_t start_lba; /* blocks of 2048 bytes from the start of the partition */
	uint32_t blocks;
};

enum slot_id { SLOT_A, SLOT_B, SLOT_WHOLE };

/** The one beside it; not of SLOT_WHOLE. */
enum slot_id slot_other(enum slot_id id);

/** 'A' or 'B', as the assessment calls it; not of SLOT_WHOLE. */
char slot_letter(enum slot_id id);

/** The slot of a partition of @partition_size bytes. */
struct slot slot_get(uint64_t partition_size, enum slot_id id);

/** The slot that holds the tree of @pvd; what lies before slot A counts as A. Never SLOT_WHOLE. */
enum slot_id slot_holding(uint64_t partition_size, const struct pvd *pvd);

/** The slot's bytes on the disk. */
struct extent slot_extent(struct extent partition, const struct slot *slot);

/* A session that slot_write() has written. */
struct written {
	struct extent extent; /* bytes on the disk */
	uint64_t hash;	      /* XXH3 of them */
	struct pvd pvd;	      /* its own descriptor, which is not there yet */
};

/**
 * Write @session, made for @slot, in one pass of large aligned writes; flush; read back past the
 * cache what describes the tree, and compare it. The session's own descriptor stays blank until
 * slot_describe(): whatever stops us before, nobody finds a tree in this slot that was never
 * current. Tells @observer "writing". The volume's current tree is not touched.
 * Does not report. Returns -ERR_NO_ROOM, with nothing written, if the slot is too small; -EINTR;
 * -ERR_VERIFY if other bytes were read back; -ERR_SOURCE; -errno.
 */
int slot_write(struct disk *disk, struct extent partition, const struct slot *slot,
	struct session *session, const struct observer *observer, struct written *ret_written);

/**
 * Read all of it back past the cache, once: are these the bytes that were written, and do kernel
 * and initrd have the digests of @set, which the session's tree leads to? Tells @observer
 * "reading". Does not report. Returns -ERR_VERIFY if not; -EINTR; -errno of reading.
 */
int slot_verify(const struct disk *disk, const struct written *written, const struct kernelset *set,
	const struct observer *observer);

/** Write the session's own descriptor: its tree is current now, and will be found when another is.
 * Flushes. Returns -ERR_VERIFY if other bytes were read back; -errno. */
int slot_describe(
	struct disk *disk, struct extent partition, const struct slot *slot, const struct pvd *pvd);

/**
 * Make @next's tree the current one: one write of one sector, flush, read back.
 * Does not report. Returns -ERR_VERIFY if another sector was read back; -errno. After an error
 * behind the write either tree may be the current one, and both are whole.
 */
int slot_commit(struct disk *disk, struct extent partition, const struct pvd *next);

/**
 * Wipe the places where file systems and older sets are looked for: the partition's first blocks up
 * to slot A, slot B's own descriptor and the partition's end. Flushes.
 */
int slot_wipe(struct disk *disk, struct extent partition);

/**
 * Write the volume's head, its descriptor and the end of the set of them, where there was none:
 * @first's tree, label and dates. The descriptor goes last. Returns -ERR_VERIFY if other bytes were
 * read back; -errno.
 */
int slot_write_head(struct disk *disk, struct extent partition, const struct pvd *first);

/**
 * Make sure that a way back to the current tree will be found: if its slot does not begin with its
 * own descriptor (a stick made by other means), keep a copy of the volume's descriptor in the
 * system area. Flushes.
 */
int slot_preserve(struct disk *disk, struct extent partition);

/**
 * See that the volume's descriptor set ends behind the primary one: if not, one sector makes it. A
 * Joliet tree would go on showing the files of a slot that is written next. Flushes what it writes.
 */
int slot_terminate(struct disk *disk, struct extent partition);

#define SLOT_TREES_MAX 3u

/**
 * All descriptors that a tree of this partition may still be found by, without its head: each
 * slot's own and the copy in the system area. Whether the trees are whole is for the caller to
 * check. Returns their number, or -errno of reading.
 */
int slot_find_trees(
	const struct disk *disk, struct extent partition, struct pvd ret_trees[SLOT_TREES_MAX]);

/**
 * The descriptor of the tree that was current before, from the other slot or the system area.
 * Whether its files are still whole is for the caller to check.
 * Returns -ENOENT if there is none.
 */
int slot_previous(const struct disk *disk, struct extent partition, struct pvd *ret_pvd);
