/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A disk: a block device or a plain file, read and written at byte offsets, past the page cache
 * where that is possible. No other file of the library opens, reads, writes or flushes a target.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/extent.h"
#include "base/observer.h"

struct disk;

/* Alignment of buffers, offsets and sizes for which all disks take requests past the page cache;
 * most take full sectors, too. */
#define DISK_ALIGN 4096u

/**
 * Open @path. Read-only unless @writable. Neither locks nor changes anything.
 * Returns -errno: those of open(2), -ERR_NOT_DISK if it is neither a block device nor a plain file;
 * -EROFS if @writable, and it is a write-protected block device.
 * The caller frees the disk with disk_close().
 */
int disk_open(const char *path, bool writable, struct disk **ret_disk);

/** Close; NULL is allowed. Releases the lock. */
void disk_close(struct disk *disk);
void disk_closep(struct disk **disk);

const char *disk_path(const struct disk *disk);
bool disk_is_block_device(const struct disk *disk);

/** The device number of a block device, 0 for a plain file. */
dev_t disk_devno(const struct disk *disk);

/** The size in bytes. */
uint64_t disk_size(const struct disk *disk);

/** The buffered descriptor, for libblkid; owned by the disk. */
int disk_fd(const struct disk *disk);

/**
 * Take the exclusive lock (flock(2) on the disk, as udev and systemd-repart do; for a block device
 * also on /run/liveng/disk-MAJOR:MINOR.lock, where that can be made: only root can), waiting
 * at most @timeout_ms milliseconds. Returns -ERR_BUSY if another holds it, or of a file has locked
 * any part (fcntl(2), as virtual machines do); -EINTR.
 */
int disk_lock(struct disk *disk, int timeout_ms, const struct observer *observer);

/**
 * Have a block device for ourselves until disk_close() (O_EXCL): nobody can mount it or a partition
 * of it, nor put another device on it. A plain file is left alone. Returns -ERR_BUSY if somebody
 * did.
 */
int disk_claim(struct disk *disk);

/** Set the size of a plain file, in bytes. Returns -errno; -ENOTSUP for a block device. */
int disk_resize(struct disk *disk, uint64_t size);

/**
 * Allocate the blocks of a part of a plain file, which is then written sooner and by several
 * threads at once. Does nothing for a block device, or if the file system cannot. Returns
 * -ERR_NO_ROOM.
 */
int disk_allocate(const struct disk *disk, uint64_t offset, uint64_t size);

/** Have the kernel read the partition table of a block device again. Returns -errno. */
int disk_reread_table(const struct disk *disk);

/** Read @size bytes at byte @offset, perhaps from the page cache: for the image files, and what
 * lies outside of all partitions. Returns -errno; -ERR_SHORT only if the disk ends before. */
int disk_read(const struct disk *disk, uint64_t offset, void *buffer, size_t size);

/** Like disk_read(), but what is returned was read from the medium, not from the page cache: that
 * of the whole disk does not see what a mount, or another program, writes to a partition's device.
 */
int disk_read_medium(const struct disk *disk, uint64_t offset, void *buffer, size_t size);

/** Write @size bytes at byte @offset. Durable only after disk_flush(). Returns -ERR_NO_ROOM if the
 * target, a file, has no room; -errno. */
int disk_write(struct disk *disk, uint64_t offset, const void *buffer, size_t size);

/** Make all writes durable: returns when the medium holds them. Returns -errno. */
int disk_flush(struct disk *disk);

/** Allocate a buffer of @size bytes that is aligned to DISK_ALIGN; free() it. NULL: no memory. */
void *disk_buffer(size_t size);
