/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The machine we run on: its partitions, how they are mounted, how it was booted, whether its
 * firmware enforces signatures. Everything is read below a root folder, so that tests can show
 * another machine.
 */

#include <stdbool.h>
#include <sys/types.h>

struct host {
	const char *root; /* "" for this machine; /proc, /sys and /dev are looked up below it, and
			   * the paths that are returned begin with it */
};

/** The device node of partition @number of the whole disk @devno ("/dev/sdb2"), by sysfs. The
 * caller frees it. Returns -ENOENT if the disk has no such partition; -errno. */
int host_partition_node(const struct host *host, dev_t disk, unsigned int number, char **ret_path);

/** The whole disk that partition @devno belongs to, and its number there. Returns -ENOENT if it is
 * no partition. The caller frees @ret_disk_path. */
int host_partition_disk(
	const struct host *host, dev_t partition, char **ret_disk_path, unsigned int *ret_number);

#define HOST_LOOP_TEXT 32 /* "loop0" */

/** Does a loop device show the file with this device and inode as a disk? Its name to @name. */
bool host_find_loop(const struct host *host, dev_t dev, ino_t inode, char name[HOST_LOOP_TEXT]);

enum host_mount { HOST_NOT_MOUNTED, HOST_MOUNTED_RO, HOST_MOUNTED_RW };

/**
 * How partition @number of the whole disk @disk is mounted, or with @number 0 the device @disk
 * itself: the strongest of its mounts; RW also if the mount is read-only but its file system is
 * not. A partition that the kernel does not know is not mounted. Returns -errno.
 */
int host_mount_state(
	const struct host *host, dev_t disk, unsigned int number, enum host_mount *ret_state);

/**
 * Where that device is mounted and can be reached: a writable mount rather than another. Is it
 * writable? The path begins with the root; the caller frees it. Returns -ENOENT if it is not
 * mounted, or each mount is hidden by another; -errno.
 */
int host_mount_point(const struct host *host, dev_t disk, unsigned int number, bool *ret_writable,
	char **ret_path);

/** Undo every mount of that device in this namespace. Reports. Returns -ERR_BUSY if one is in use
 * or hidden by another mount; -errno. */
int host_unmount(const struct host *host, dev_t disk, unsigned int number);

/** How the running system was booted, by its kernel command line. */
enum host_boot { HOST_BOOT_OTHER, HOST_BOOT_STANDARD, HOST_BOOT_PREVIOUS, HOST_BOOT_FALLBACK };

/** OTHER: no `boot=live`; FALLBACK: `liveng-fallback`; PREVIOUS: `liveng.boot=previous`; else
 * STANDARD. Returns -errno. */
int host_boot(const struct host *host, enum host_boot *ret_boot);

/** Does the firmware refuse unsigned kernels (UEFI: SecureBoot 1, SetupMode 0)? False
 * without UEFI. */
bool host_enforces_secure_boot(const struct host *host);
