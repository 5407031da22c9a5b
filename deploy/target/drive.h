/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Whole disks, according to sysfs and udev's database: what users recognize a stick by, and what
 * distinguishes it from one that takes its place.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "machine/host.h"

/* Texts are printable ASCII, anything else is a `?`, since the maker of a stick chose them. */
struct drive {
	dev_t devno;
	char node[64];	   /* "/dev/sdb", below the host's root */
	char model[96];	   /* with its maker, "SanDisk Ultra Fit"; "" if unknown */
	char serial[128];  /* "" if unknown */
	char bus[16];	   /* "usb", "mmc", "nvme", "ata", "virtio", "scsi"; "virtual"; "" */
	uint64_t size;	   /* bytes; 0: a reader without a medium */
	uint64_t sector;   /* the disk's logical sectors, bytes */
	uint64_t diskseq;  /* different for each medium ever inserted; 0: an old kernel */
	bool is_removable; /* according to the device, or an SD card */
	bool is_read_only;
};

/** Read what the kernel knows of a whole disk. Does not report. Returns -ENOENT; -errno. */
int drive_read(const struct host *host, dev_t devno, struct drive *ret_drive);

/**
 * All disks of this machine that one could want to write to, sorted by name: no partitions, no
 * optical drives or floppies, nothing virtual (loop, zram, device-mapper, md). Does not report.
 * Returns -errno. The caller frees @ret_drives.
 */
int drives_list(const struct host *host, struct drive **ret_drives, size_t *ret_n);

/** Are both the same medium in the same drive? */
bool drive_is_same(const struct drive *one, const struct drive *other);

/** The name to type for it: its model, or its node if there is none. */
const char *drive_name(const struct drive *drive);

/** "/dev/sdb: SanDisk Ultra Fit, 30.8 GB, usb, serial 4C5300" */
void drive_describe(const struct drive *drive, char *text, size_t size);
