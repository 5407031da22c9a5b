/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What a stick is written to: a whole disk, or an image file. Looked at first, opened for writing
 * only after all questions are answered, and then only if it still is what was looked at.
 */

#include "contents.h"
#include "refusal.h"

enum target_kind {
	TARGET_DRIVE,
	TARGET_FILE, /* that is there */
	TARGET_NEW,  /* a file to be made */
};

struct target {
	const char *path; /* as it was named; not owned */
	enum target_kind kind;
	uint64_t size;		  /* bytes, as it will be */
	struct drive drive;	  /* TARGET_DRIVE */
	int open_error;		  /* of a disk that could not be looked into, else 0 */
	struct contents contents; /* what lies there now */
	bool holds_data;	  /* there is something to lose, known or not */
	struct disk *disk;	  /* open for writing; NULL before target_open() */
	uint64_t file_size;	  /* TARGET_FILE: bytes, as it is */
	dev_t file_dev;		  /* TARGET_FILE, and TARGET_NEW once it is made */
	ino_t file_inode;
	bool is_made; /* by us, and to be removed again */
};

/**
 * Look at what @path names; it must outlive the target. @new_size: bytes that an image file gets,
 * 0 to leave one that is there as it is. Writes nothing, locks nothing. Reports.
 * Returns -ERR_REFUSED if nothing can be deployed to; -errno.
 */
int target_read(
	const struct host *host, const char *path, uint64_t new_size, struct target *ret_target);

/** Do both name the same disk or file? */
bool target_is_same(const struct target *one, const struct target *other);

/** Is @path, of any kind, this very disk or file? False for a path that is not there. */
bool target_is_at(const struct target *target, const char *path);

/** Refuse what must not be written to, or is too small by the rules. Reports. Returns
 * -ERR_REFUSED; -ERR_NO_ROOM; -ERR_BUSY; -errno. */
int target_check(
	const struct host *host, const struct target *target, const struct drive_rules *rules);

/**
 * Open it for writing, for ourselves alone, and see that it is what target_read() saw: by model,
 * serial number, size and diskseq, a file by its inode, and that there still is nothing to lose if
 * there was nothing. A new file is made, with its size; one that was there keeps its own until
 * target_resize(). Reports.
 * Returns -ERR_REFUSED if it is another one; -ERR_BUSY; -errno.
 */
int target_open(const struct host *host, struct target *target);

/** Give a file that was there the size that it is to have: from now on its content is lost.
 * Reports. Returns -errno. */
int target_resize(struct target *target);

/** What is on it is worth keeping: a new file stays. */
void target_keep(struct target *target);

/** Close it, and remove a new file that is not to be kept. */
void target_close(struct target *target);
