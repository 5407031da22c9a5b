/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The kernel's block devices, as sysfs shows them below a root folder ("" for this machine): their
 * names, their partitions, and the disks beneath them. Names are never parsed: sdb2, nvme0n1p2 and
 * mmcblk0p2 are all the same to us.
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

/** The number of the device whose node, or a symlink to it, is @path ("/dev/disk/by-partuuid/...").
 * The node itself need not be a device node. Returns -ENOENT; -errno. */
int device_find(const char *root, const char *path, dev_t *ret_devno);

/** The whole disk that a partition belongs to, and its number there. -ENOENT: it is not a
 * partition. */
int device_of_partition(const char *root, dev_t devno, dev_t *ret_disk, unsigned int *ret_number);

/** Partition @number of a whole disk. Returns -ENOENT if the disk has no such partition; -errno. */
int device_partition(const char *root, dev_t disk, unsigned int number, dev_t *ret_devno);

/**
 * Add to @disks the whole disks beneath a device that are not in it yet: its own, or through
 * device-mapper and md those of its slaves. A loop device on a file has none, and neither has
 * anything that is not a block device. Returns -ELOOP if there are too many layers, -ERR_TOO_LARGE
 * if there are too many disks; -errno.
 */
int device_add_disks(const char *root, dev_t devno, struct device_disks *disks);

/**
 * Does a device lie on @disk: is it that disk or one of its partitions, directly or through
 * device-mapper, md, or a loop device on a block device? Returns -ELOOP if there are too many
 * layers; -errno.
 */
int device_lies_on(const char *root, dev_t devno, dev_t disk, bool *ret_lies);

/** The device that holds a disk or one of its partitions, by its name in sysfs ("dm-3", "md0"): the
 * first one found. The caller frees it. Returns -ENOENT if there is no holder; -errno. */
int device_holder(const char *root, dev_t disk, char **ret_name);
