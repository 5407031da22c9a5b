/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A liveng stick: where its partitions lie on the disk, and what it is called. The table is read by
 * libblkid inside the disk or image file; no partition device is needed.
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
	bool is_whole; /* false: only the kernel partition, nothing is known of a stick around it */
	struct extent partitions[STICK_PARTITIONS + 1]; /* bytes; by number; size 0: none */
	bool is_blank; /* its kernel partition lost its file system; only with STICK_BLANK_TOO */
	bool is_named; /* its kernel partition has the GPT name that liveng-deploy gives */
	/* Of the kernel partition, as probe_filesystem() tells; of a blank one the label it has to
	 * get. */
	char label[48];
	char uuid[48];
	struct grubenv *grubenv; /* NULL: there is none to use, the boot assessment is off */
	bool grubenv_damaged;	 /* it is there, but no environment block, or its FAT is damaged */
	char *esp_point; /* where partition 3 is mounted; NULL: nowhere, or not STICK_WRITABLE */
};

enum stick_target {
	STICK_RUNNING, /* the stick that the system runs from */
	STICK_DISK,    /* a whole stick: block device or image file */
	STICK_ALONE,   /* its kernel partition: block device or file */
};

enum { STICK_WRITABLE = 1, STICK_BLANK_TOO = 2, STICK_PATIENT = 4 };

/**
 * Open the stick named by @target and @path (NULL for STICK_RUNNING), find its kernel partition and
 * see that it is one: number 2 of a GPT, ISO 9660, with a label that liveng or an older tool gives.
 * @flags: STICK_WRITABLE takes the lock as well, and has written what a mount of partition 3 holds
 * in memory, with a warning that nothing else is to be written there now; STICK_BLANK_TOO also
 * takes a kernel partition that holds nothing known, on a stick that is plainly liveng's by that
 * partition's name or by the label of partition 1; STICK_PATIENT waits ten minutes for the lock,
 * not two seconds. Reports. Returns -ERR_NOT_STICK; -ERR_VERIFY if it plainly is one, but its
 * kernel partition holds nothing known; -ERR_BUSY if it is locked; -EINTR; -errno of opening and
 * reading. The caller frees it with stick_close().
 */
int stick_open(const struct host *host, enum stick_target target, const char *path,
	unsigned int flags, const struct observer *observer, struct stick **ret_stick);

void stick_close(struct stick *stick);
void stick_closep(struct stick **stick);

struct extent stick_kernel(const struct stick *stick);

/** Is it what a kernel partition is labelled, by liveng or an older tool? */
bool stick_is_kernel_label(const char *text);

/**
 * The label that a kernel partition which lost its file system has to get, by the GPT name it has
 * and the label of partition 1, "" or NULL for none. NULL: neither is of a liveng stick.
 */
const char *stick_label_by_others(const char *kernel_name, const char *system_label);

/** Read label and UUID again; do they differ from those at stick_open()? Returns -ERR_VERIFY
 * if so. */
int stick_check_identity(const struct stick *stick);
