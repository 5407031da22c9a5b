/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A liveng stick: where its partitions are on the disk, and how it is identified. The table is read
 * by libblkid inside the disk or image file; no partition device is needed.
 */

#include "disk/disk.h"
#include "disk/grubenv.h"
#include "machine/host.h"

/* Partition numbers of the published layout. */
enum stick_partition {
	STICK_SYSTEM = 1,
	STICK_KERNEL = 2,
	STICK_ESP = 3,
	STICK_PERSISTENCE = 4,
	STICK_PARTITIONS = 4,
};

struct stick {
	struct disk *disk;
	char name[512]; /* "/dev/sdb2", or "stick.img, partition 2": for messages */
	bool is_whole;	/* false: only the kernel partition; any stick around it is unknown */
	struct extent partitions[STICK_PARTITIONS + 1]; /* bytes; by number; size 0: none */
	bool is_blank; /* its kernel partition lost its file system; only with STICK_BLANK_TOO */
	bool is_named; /* its kernel partition has the GPT name that liveng-deploy gives */
	/* The kernel partition's, from probe_filesystem(); for a blank one, the label it must
	 * get. */
	char label[48];
	char uuid[48];
	struct grubenv *grubenv; /* NULL: none that can be used, the boot assessment is off */
	bool has_trials; /* a new set is on trial; false: the running system would not end it */
	bool grubenv_damaged; /* it exists, but is not an environment block, or its FAT is damaged
			       */
	char *esp_point; /* where partition 3 is mounted; NULL: nowhere, or not STICK_WRITABLE */
};

enum stick_target {
	STICK_RUNNING, /* the stick that the system runs from */
	STICK_DISK,    /* a whole stick: block device or image file */
	STICK_ALONE,   /* its kernel partition: block device or file */
};

enum { STICK_WRITABLE = 1, STICK_BLANK_TOO = 2, STICK_PATIENT = 4 };

/**
 * Open the stick given by @target and @path (NULL for STICK_RUNNING), find its kernel partition and
 * check that it is one: number 2 of a GPT, ISO 9660, with a label given by liveng or an older tool.
 * @flags: STICK_WRITABLE also takes the lock, and flushes a mount of partition 3, warning that
 * nothing else may write there now; STICK_BLANK_TOO also accepts a kernel partition with unknown
 * content if that partition's name or the label of partition 1 clearly make it a liveng stick;
 * STICK_PATIENT waits ten minutes for the lock instead of two seconds. Reports. Returns
 * -ERR_NOT_STICK; -ERR_VERIFY if it clearly is one, but the content of its kernel partition is
 * unknown; -ERR_BUSY if it is locked; -EINTR; -errno of opening and reading. The caller frees it
 * with stick_close().
 */
int stick_open(const struct host *host, enum stick_target target, const char *path,
	unsigned int flags, const struct observer *observer, struct stick **ret_stick);

void stick_close(struct stick *stick);
void stick_closep(struct stick **stick);

struct extent stick_kernel(const struct stick *stick);

/** Is this the label of a kernel partition, as given by liveng or an older tool? */
bool stick_is_kernel_label(const char *text);

/**
 * The label to give to a kernel partition that lost its file system, derived from its GPT name and
 * the label of partition 1, each "" or NULL if there is none. NULL: neither belongs to a liveng
 * stick.
 */
const char *stick_label_by_others(const char *kernel_name, const char *system_label);

/** Read label and UUID again and compare them with those at stick_open() (K7). Returns -ERR_VERIFY
 * if they differ. */
int stick_check_identity(const struct stick *stick);
