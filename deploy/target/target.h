/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What a stick is written to: a whole disk, or an image file. It is examined first, and opened for
 * writing only after all questions are answered, and then only if it is still the one that was
 * examined.
 */

#include "contents.h"
#include "refusal.h"

enum target_kind {
	TARGET_DRIVE,
	TARGET_FILE, /* an existing file */
	TARGET_NEW,  /* a file to create */
};

struct target {
	const char *path; /* as the user named it; not owned */
	enum target_kind kind;
	uint64_t size;		  /* bytes, the final size */
	struct drive drive;	  /* TARGET_DRIVE */
	int open_error;		  /* if a disk could not be opened to read its contents, else 0 */
	struct contents contents; /* the current contents */
	bool holds_data;	  /* there is something to lose, known or not */
	struct disk *disk;	  /* open for writing; NULL before target_open() */
	uint64_t file_size;	  /* TARGET_FILE: bytes, the current size */
	dev_t file_dev;		  /* TARGET_FILE, and TARGET_NEW once it is created */
	ino_t file_inode;
	bool is_made; /* created by us, and to be removed again */
};

/**
 * Examine what @path names; @path must outlive the target. @new_size: the size in bytes that an
 * image file gets, 0 to leave an existing one as it is. Writes nothing, locks nothing. Reports.
 * Returns -ERR_REFUSED if it cannot be deployed to; -errno.
 */
int target_read(
	const struct host *host, const char *path, uint64_t new_size, struct target *ret_target);

/** Do both name the same disk or file? */
bool target_is_same(const struct target *one, const struct target *other);

/** Is @path, of any kind, this very disk or file? False if the path does not exist. */
bool target_is_at(const struct target *target, const char *path);

/** Refuse a target that must not be written to, or is too small, by the rules. Reports. Returns
 * -ERR_REFUSED; -ERR_NO_ROOM; -ERR_BUSY; -errno. */
int target_check(
	const struct host *host, const struct target *target, const struct drive_rules *rules);

/**
 * Open it for writing, exclusively, and check that it is what target_read() saw: a disk by model,
 * serial number, size and diskseq, a file by its inode; and that there is still nothing to lose if
 * there was nothing. A new file is created, with its size; an existing one keeps its own until
 * target_resize(). Reports. Returns -ERR_REFUSED if it is a different one; -ERR_BUSY; -errno.
 */
int target_open(const struct host *host, struct target *target);

/** Give an existing file its new size: from now on its content is lost. Reports. Returns -errno. */
int target_resize(struct target *target);

/** Keep a new file: its content is worth keeping. */
void target_keep(struct target *target);

/** Close it, and remove a new file unless it is kept. */
void target_close(struct target *target);
