/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What is on a disk, so that the user recognizes it: its partition table and file systems,
 * according to libblkid.
 */

#include <stdbool.h>

#include "disk/disk.h"
#include "disk/probe.h"
#include "machine/host.h"

#define CONTENTS_PARTITIONS_MAX 16u

/* Texts are safe for a terminal, anything else is a `?`. */
struct contents {
	int error;	/* -errno if reading it failed: then nothing is known; else 0 */
	char table[16]; /* "gpt", "dos"; "" if there is none */
	/* On the disk as a whole, such as a stick without partitions or a live image; type "" if
	 * nothing is known. */
	struct filesystem whole;
	bool is_stick;	    /* a liveng stick, or one of Open Secure-K OS */
	bool is_unfinished; /* only the persistence is left: --keep-persistence was interrupted */
	struct contents_partition {
		unsigned int number;
		uint64_t start;		    /* bytes; not known from udev */
		uint64_t size;		    /* bytes */
		char name[40];		    /* in the GPT */
		char uuid[37];		    /* PARTUUID; not known from udev */
		struct filesystem identity; /* type "" if nothing is known */
	} partitions[CONTENTS_PARTITIONS_MAX];
	size_t n;
	size_t left_out; /* number of partitions that did not fit */
};

/** Read what is on @disk. Does not report. Returns -errno of reading. */
int contents_read(const struct disk *disk, struct contents *ret_contents);

/** The same from what udev recorded about the disk @devno and its partitions, for users who may not
 * open it. Returns -ENOENT if udev knows nothing about it. */
int contents_read_udev(const struct host *host, dev_t devno, struct contents *ret_contents);

/** Partition @number; NULL if it is not known. */
const struct contents_partition *contents_partition(
	const struct contents *contents, unsigned int number);

/** A one-line summary: `gpt: vfat "EFI", ext4 "data"`; `liveng stick, with persistence`. */
void contents_summary(const struct contents *contents, char *text, size_t size);

/** One file system: `ext4 "data"`; "unknown". */
void contents_describe(const struct filesystem *identity, char *text, size_t size);
