/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Whole disks, as sysfs and udev's database tell of them: what a person knows a stick by, and what
 * tells it from the one that takes its place.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "machine/host.h"

/* Texts are printable ASCII, anything else is a `?`: the maker of a stick chose them. */
struct drive {
	dev_t devno;
	char node[64];	   /* "/dev/sdb", below the host's root */
	char model[96];	   /* with its maker, "SanDisk Ultra Fit"; "" if it does not tell */
	char serial[128];  /* "" if it does not tell */
	char bus[16];	   /* "usb", "mmc", "nvme", "ata", "virtio", "scsi"; "virtual"; "" */
	uint64_t size;	   /* bytes; 0: a reader without a medium */
	uint64_t sector;   /* bytes: what the disk itself counts in */
	uint64_t diskseq;  /* differs for each medium that was ever put in; 0: an old kernel */
	bool is_removable; /* by its own word, or an SD card */
	bool is_read_only;
};

/** Read what the kernel knows of a whole disk. Does not report. Returns -ENOENT; -errno. */
int drive_read(const struct host *host, dev_t devno, struct drive *ret_drive);

/**
 * All disks of this machine that somebody could want to write to, sorted by name: no partitions, no
 * optical drives and floppies, nothing virtual (loop, zram, device-mapper, md). Does not report.
 * Returns -errno. The caller frees @ret_drives.
 */
int drives_list(const struct host *host, struct drive **ret_drives, size_t *ret_n);

/** Are both the same medium in the same drive? */
bool drive_is_same(const struct drive *one, const struct drive *other);

/** The name to type for it: its model, without one its node. */
const char *drive_name(const struct drive *drive);

/** "/dev/sdb: SanDisk Ultra Fit, 30.8 GB, usb, serial 4C5300" */
void drive_describe(const struct drive *drive, char *text, size_t size);
