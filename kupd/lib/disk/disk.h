/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A disk: a block device or a regular file, read and written at byte offsets, bypassing the page
 * cache where possible. No other file of the library opens, reads, writes or flushes a target.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/extent.h"
#include "base/observer.h"

struct disk;

/* Alignment of buffers, offsets and sizes with which every disk accepts requests that bypass the
 * page cache; most accept whole sectors as well. */
#define DISK_ALIGN 4096u

/**
 * Open @path. Read-only unless @writable. Neither locks nor changes anything. Returns -errno: those
 * of open(2), -ERR_NOT_DISK if it is neither a block device nor a regular file; -EROFS if @writable
 * and it is a write-protected block device. The caller frees the disk with disk_close().
 */
int disk_open(const char *path, bool writable, struct disk **ret_disk);

/** Close; NULL is allowed. Releases the lock. */
void disk_close(struct disk *disk);
void disk_closep(struct disk **disk);

const char *disk_path(const struct disk *disk);
bool disk_is_block_device(const struct disk *disk);

/** The device number of a block device, 0 for a regular file. */
dev_t disk_devno(const struct disk *disk);

/** The size in bytes. */
uint64_t disk_size(const struct disk *disk);

/** The buffered descriptor, for libblkid; owned by the disk. */
int disk_fd(const struct disk *disk);

/**
 * Take the exclusive lock (K13; flock(2) on the disk, as udev and systemd-repart do; for a block
 * device also on /run/liveng/disk-MAJOR:MINOR.lock if that can be created, which takes root),
 * waiting at most @timeout_ms milliseconds. Returns -ERR_BUSY if another process holds it, or has
 * locked any part of a regular file (fcntl(2), as virtual machines do); -EINTR.
 */
int disk_lock(struct disk *disk, int timeout_ms, const struct observer *observer);

/**
 * Take exclusive use of a block device until disk_close() (O_EXCL): nobody can mount it or one of
 * its partitions, or put another device on it. Does nothing for a regular file. Returns -ERR_BUSY
 * if somebody already did.
 */
int disk_claim(struct disk *disk);

/** Set the size of a regular file, in bytes. Returns -errno; -ENOTSUP for a block device. */
int disk_resize(struct disk *disk, uint64_t size);

/**
 * Allocate the blocks of part of a regular file, which then can be written faster and by several
 * threads at once. Does nothing for a block device, or if the file system does not support it.
 * Returns -ERR_NO_ROOM.
 */
int disk_allocate(const struct disk *disk, uint64_t offset, uint64_t size);

/** Have the kernel read the partition table of a block device again. Returns -errno. */
int disk_reread_table(const struct disk *disk);

/** Read @size bytes at byte @offset, possibly from the page cache: for image files, and for what
 * lies outside all partitions. Returns -errno; -ERR_SHORT only if the disk ends before that. */
int disk_read(const struct disk *disk, uint64_t offset, void *buffer, size_t size);

/** Like disk_read(), but reads from the medium, not from the page cache: the whole disk's cache
 * does not see what a mount or another program writes to a partition's device.
 */
int disk_read_medium(const struct disk *disk, uint64_t offset, void *buffer, size_t size);

/** Write @size bytes at byte @offset. Durable only after disk_flush(). Returns -ERR_NO_ROOM if the
 * target is a file and its file system is full; -errno. */
int disk_write(struct disk *disk, uint64_t offset, const void *buffer, size_t size);

/** Make all writes durable: returns once the medium has them. Returns -errno. */
int disk_flush(struct disk *disk);

/** Allocate a buffer of @size bytes aligned to DISK_ALIGN; free() it. NULL: no memory. */
void *disk_buffer(size_t size);
