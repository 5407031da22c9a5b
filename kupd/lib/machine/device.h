/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The kernel's block devices, as sysfs shows them below a root folder ("" for this machine): their
 * names, their partitions, and what disks lie beneath them. Names are never taken apart:
 * sdb2, nvme0n1p2 and mmcblk0p2 are one to us.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define DEVICE_DISKS_MAX 16u

struct device_disks {
	dev_t list[DEVICE_DISKS_MAX];
	size_t n;
};

/** The device node ("/dev/sdb2", below @root). The caller frees it. Returns -ENOENT; -errno. */
int device_node(const char *root, dev_t devno, char **ret_node);

/** The device's own folder in sysfs, links resolved ("/sys/devices/.../block/sdb", below @root).
 * The caller frees it. Returns -ENOENT; -errno. */
int device_folder(const char *root, dev_t devno, char **ret_folder);

/** The number of the device whose node, or a link to it, is @path ("/dev/disk/by-partuuid/...").
 * Does not need the node itself to be one. Returns -ENOENT; -errno. */
int device_find(const char *root, const char *path, dev_t *ret_devno);

/** The whole disk that a partition belongs to, and its number there. -ENOENT: it is
 * no partition. */
int device_of_partition(const char *root, dev_t devno, dev_t *ret_disk, unsigned int *ret_number);

/** Partition @number of a whole disk. Returns -ENOENT if the disk has none; -errno. */
int device_partition(const char *root, dev_t disk, unsigned int number, dev_t *ret_devno);

/**
 * Add to @disks the whole disks beneath a device that are not yet there: its own, or through
 * device-mapper and md those of its slaves. A loop device over a file has none, nor has what is no
 * block device. Returns -ELOOP if the layers do not end, -ERR_TOO_LARGE if the disks do not;
 * -errno.
 */
int device_add_disks(const char *root, dev_t devno, struct device_disks *disks);

/**
 * Does a device lie on @disk: is it that disk, one of its partitions, or does it do so through
 * device-mapper, md, or a loop device over a block device? Returns -ELOOP if the layers do not end;
 * -errno.
 */
int device_lies_on(const char *root, dev_t devno, dev_t disk, bool *ret_lies);

/** Who has a disk or one of its partitions for itself, by its name in sysfs ("dm-3", "md0"): the
 * first that is found. The caller frees it. Returns -ENOENT if nobody does; -errno. */
int device_holder(const char *root, dev_t disk, char **ret_name);
