/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The machine we run on: its partitions, how they are mounted, how it was booted, whether its
 * firmware enforces signatures. Everything is read below a root folder, so that tests can present
 * another machine.
 */

#include <stdbool.h>
#include <sys/types.h>

struct host {
	const char *root; /* "" for this machine; /proc, /sys and /dev are looked up below it, and
			   * the paths that are returned begin with it */
};

/** The device node of partition @number of the whole disk @devno ("/dev/sdb2"), from sysfs. The
 * caller frees it. Returns -ENOENT if the disk has no such partition; -errno. */
int host_partition_node(const struct host *host, dev_t disk, unsigned int number, char **ret_path);

/** The whole disk that partition @devno belongs to, and its number there. Returns -ENOENT if it is
 * not a partition. The caller frees @ret_disk_path. */
int host_partition_disk(
	const struct host *host, dev_t partition, char **ret_disk_path, unsigned int *ret_number);

#define HOST_LOOP_TEXT 32 /* "loop0" */

/** Does a loop device present the file with this device and inode number as a disk? @name gets its
 * name. */
bool host_find_loop(const struct host *host, dev_t dev, ino_t inode, char name[HOST_LOOP_TEXT]);

enum host_mount { HOST_NOT_MOUNTED, HOST_MOUNTED_RO, HOST_MOUNTED_RW };

/**
 * How partition @number of the whole disk @disk is mounted, or with @number 0 the device @disk
 * itself: RW if any mount is; RW also if the mount is read-only but its file system is not. A
 * partition unknown to the kernel is not mounted. Returns -errno.
 */
int host_mount_state(
	const struct host *host, dev_t disk, unsigned int number, enum host_mount *ret_state);

/**
 * A mount point where that device can be reached, preferably a writable one, and whether it is
 * writable. The path begins with the root; the caller frees it. Returns -ENOENT if it is not
 * mounted, or every mount is hidden by another; -errno.
 */
int host_mount_point(const struct host *host, dev_t disk, unsigned int number, bool *ret_writable,
	char **ret_path);

/** Unmount that device everywhere in this namespace. Reports. Returns -ERR_BUSY if one is in use or
 * hidden by another mount; -errno. */
int host_unmount(const struct host *host, dev_t disk, unsigned int number);

/** How the running system was booted, according to its kernel command line. */
enum host_boot { HOST_BOOT_OTHER, HOST_BOOT_STANDARD, HOST_BOOT_PREVIOUS, HOST_BOOT_FALLBACK };

/** OTHER: no `boot=live`; FALLBACK: `liveng-fallback`; PREVIOUS: `liveng.boot=previous`; else
 * STANDARD. Returns -errno. */
int host_boot(const struct host *host, enum host_boot *ret_boot);

/** Does the firmware refuse unsigned kernels (UEFI: SecureBoot 1, SetupMode 0)? False
 * without UEFI. */
bool host_enforces_secure_boot(const struct host *host);
