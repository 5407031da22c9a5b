/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The two slots of the kernel partition to which sessions are written, and the sector that selects
 * one of them. The only module that writes the partition.
 *
 *     block 0      16     32                 middle               end
 *           | free | head | slot A            | slot B            |
 */

#include "base/observer.h"
#include "iso/pvd.h"
#include "iso/session.h"
#include "kernelset.h"

struct slot {
	const char *name;   /* "A", "B", or "A+B": the whole partition, for writing in place */
	uint32_t start_lba; /* blocks of 2048 bytes from the start of the partition */
	uint32_t blocks;
};

enum slot_id { SLOT_A, SLOT_B, SLOT_WHOLE };

/** The other of the two slots; not for SLOT_WHOLE. */
enum slot_id slot_other(enum slot_id id);

/** 'A' or 'B', as in the boot assessment; not for SLOT_WHOLE. */
char slot_letter(enum slot_id id);

/** The slot of a partition of @partition_size bytes. */
struct slot slot_get(uint64_t partition_size, enum slot_id id);

/** The slot that holds the tree of @pvd; anything before slot A counts as A. Never SLOT_WHOLE. */
enum slot_id slot_holding(uint64_t partition_size, const struct pvd *pvd);

/** The slot's bytes on the disk. */
struct extent slot_extent(struct extent partition, const struct slot *slot);

/* A session written by slot_write(). */
struct written {
	struct extent extent; /* bytes on the disk */
	uint64_t hash;	      /* XXH3 of them */
	struct pvd pvd;	      /* its own descriptor, not written yet */
};

/**
 * Write @session, made for @slot, in one pass of large aligned writes; flush; read back the tree
 * structures bypassing the cache, and compare them. The session's own descriptor stays blank until
 * slot_describe(): if anything stops us before that, nobody finds a tree in this slot that was
 * never current. Notifies @observer of "writing". The volume's current tree is not touched. Does
 * not report. Returns -ERR_NO_ROOM, with nothing written, if the slot is too small; -EINTR;
 * -ERR_VERIFY if different bytes were read back; -ERR_SOURCE; -errno.
 */
int slot_write(struct disk *disk, struct extent partition, const struct slot *slot,
	struct session *session, const struct observer *observer, struct written *ret_written);

/**
 * Read the whole session back once, bypassing the cache, and check that these are the bytes that
 * were written, and that kernel and initrd have the digests in @set, read from the session's tree.
 * Notifies @observer of "reading". Does not report. Returns -ERR_VERIFY if not; -EINTR; -errno of
 * reading.
 */
int slot_verify(const struct disk *disk, const struct written *written, const struct kernelset *set,
	const struct observer *observer);

/** Write the session's own descriptor, once its tree is current (K8), so that the tree can still be
 * found when another becomes current. Flushes. Returns -ERR_VERIFY if different bytes were read
 * back; -errno. */
int slot_describe(
	struct disk *disk, struct extent partition, const struct slot *slot, const struct pvd *pvd);

/**
 * Make @next's tree the current one: one write of one sector (K4), flush, read back. Does not
 * report.
 * Returns -ERR_VERIFY if a different sector was read back; -errno. After an error following the
 * write either tree may be current, and both are whole.
 */
int slot_commit(struct disk *disk, struct extent partition, const struct pvd *next);

/**
 * Wipe the places where file systems and older sets could be found: the partition's first blocks up
 * to slot A, slot B's own descriptor and the end of the partition. Flushes.
 */
int slot_wipe(struct disk *disk, struct extent partition);

/**
 * Write a head for a volume without one, that is its descriptor and the set terminator: @first's
 * tree, label and dates. The descriptor is written last. Returns -ERR_VERIFY if different bytes
 * were read back; -errno.
 */
int slot_write_head(struct disk *disk, struct extent partition, const struct pvd *first);

/**
 * Make sure that it will be possible to roll back to the current tree: if its slot does not begin
 * with its own descriptor (a stick made by other means), keep a copy of the volume's descriptor in
 * the system area. Flushes.
 */
int slot_preserve(struct disk *disk, struct extent partition);

/**
 * Make sure that the volume's descriptor set ends right after the primary one; if not, write one
 * sector to end it there. A Joliet tree would otherwise keep showing files in a slot that is
 * overwritten next. Flushes what it writes.
 */
int slot_terminate(struct disk *disk, struct extent partition);

#define SLOT_TREES_MAX 3u

/**
 * All descriptors by which a tree of this partition may still be found without the head: each
 * slot's own and the copy in the system area. The caller must check whether the trees are whole.
 * Returns their number, or -errno of reading.
 */
int slot_find_trees(
	const struct disk *disk, struct extent partition, struct pvd ret_trees[SLOT_TREES_MAX]);

/**
 * The descriptor of the previously current tree, from the other slot or the system area. The caller
 * must check whether its files are still whole. Returns -ENOENT if there is none.
 */
int slot_previous(const struct disk *disk, struct extent partition, struct pvd *ret_pvd);
