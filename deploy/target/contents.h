/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What lies on a disk, so that a person recognises it: its partition table and file systems, as
 * libblkid tells them.
 */

#include <stdbool.h>

#include "disk/disk.h"
#include "disk/probe.h"
#include "machine/host.h"

#define CONTENTS_PARTITIONS_MAX 16u

/* Texts are printable ASCII, anything else is a `?`. */
struct contents {
	int error;		 /* -errno of reading it: then nothing is known; else 0 */
	char table[16];		 /* "gpt", "dos"; "" if there is none */
	struct filesystem whole; /* of the disk as a whole: a stick without partitions, a live
				  * image; type "" if there is nothing known */
	bool is_stick;		 /* a liveng stick, or one of Open Secure-K OS */
	bool is_unfinished;	 /* its persistence alone: --keep-persistence was interrupted */
	struct contents_partition {
		unsigned int number;
		uint64_t start;		    /* bytes; not as udev tells it */
		uint64_t size;		    /* bytes */
		char name[40];		    /* by the GPT */
		char uuid[37];		    /* PARTUUID; not as udev tells it */
		struct filesystem identity; /* type "" if there is nothing known */
	} partitions[CONTENTS_PARTITIONS_MAX];
	size_t n;
	size_t left_out; /* partitions for which there was no place */
};

/** Read what lies on @disk. Does not report. Returns -errno of reading. */
int contents_read(const struct disk *disk, struct contents *ret_contents);

/** The same by what udev noted of the disk @devno and its partitions, for those who must not open
 * it. Returns -ENOENT if udev knows nothing of it. */
int contents_read_udev(const struct host *host, dev_t devno, struct contents *ret_contents);

/** Partition @number; NULL if there is none that is known. */
const struct contents_partition *contents_partition(
	const struct contents *contents, unsigned int number);

/** All of it in one line: `gpt: vfat "EFI", ext4 "data"`; `liveng stick, with persistence`. */
void contents_summary(const struct contents *contents, char *text, size_t size);

/** One file system: `ext4 "data"`; "unknown". */
void contents_describe(const struct filesystem *identity, char *text, size_t size);
