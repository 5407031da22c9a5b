/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "disk.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "base/file.h"
#include "base/util.h"

/* Not /run/lock: anyone may write there, and so could hold a lock to stop us. */
#define LOCK_FOLDER "/run/liveng"

#define BOUNCE_MAX MIB /* up to how many unaligned bytes are read through an aligned buffer */

struct disk {
	char *path;
	int fd;	       /* through the page cache */
	int direct_fd; /* O_DIRECT on the same inode, -1 where that is not possible */
	int claim_fd;  /* O_EXCL on the same block device, else -1 */
	int lock_fd;   /* a block device's file in LOCK_FOLDER, else -1 */
	uint64_t size;
	dev_t devno;
};

static int get_size(int fd, const struct stat *st, uint64_t *ret_size)
{
	if (S_ISREG(st->st_mode)) {
		*ret_size = (uint64_t)st->st_size;
		return 0;
	}
	if (ioctl(fd, BLKGETSIZE64, ret_size) < 0)
		return -errno;
	return 0;
}

/* Translate the error of a system call on the target into what it means for the target. */
static int target_error(int error)
{
	switch (error) {
	case -ENOSPC:
		return -ERR_NO_ROOM;
	case -EBUSY:
		return -ERR_BUSY;
	default:
		return error;
	}
}

int disk_open(const char *path, bool writable, struct disk **ret_disk)
{
	cleanup(disk_closep) struct disk *disk = NULL;
	char same_inode[64];
	struct stat st;
	int is_read_only = 0;
	int flags = (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY;
	int r;

	/* A FIFO or a terminal would block in open(). */
	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -ERR_NOT_DISK;

	disk = calloc(1, sizeof(*disk));
	if (!disk)
		return -ENOMEM;
	disk->direct_fd = disk->claim_fd = disk->lock_fd = -1;
	disk->fd = open(path, flags | O_NONBLOCK);
	if (disk->fd < 0)
		return target_error(-errno);
	if (fstat(disk->fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return -ERR_NOT_DISK;
	r = get_size(disk->fd, &st, &disk->size);
	if (r < 0)
		return r;
	disk->devno = S_ISBLK(st.st_mode) ? st.st_rdev : 0;
	/* Linux opens it anyway, and only the writes fail. */
	if (writable && disk->devno && ioctl(disk->fd, BLKROGET, &is_read_only) == 0 &&
		is_read_only)
		return -EROFS;

	/* Through /proc, not by the path again: the name may belong to another device by now. Some
	 * file systems (tmpfs) do not support O_DIRECT; then everything goes through the cache. */
	snprintf(same_inode, sizeof(same_inode), "/proc/self/fd/%d", disk->fd);
	disk->direct_fd = open(same_inode, flags | O_DIRECT);

	disk->path = strdup(path);
	if (!disk->path)
		return -ENOMEM;
	*ret_disk = steal_pointer(disk);
	return 0;
}

void disk_close(struct disk *disk)
{
	if (!disk)
		return;
	if (disk->direct_fd >= 0)
		close(disk->direct_fd);
	if (disk->fd >= 0)
		close(disk->fd);
	if (disk->claim_fd >= 0)
		close(disk->claim_fd);
	if (disk->lock_fd >= 0)
		close(disk->lock_fd);
	free(disk->path);
	free(disk);
}

void disk_closep(struct disk **disk)
{
	disk_close(*disk);
}

const char *disk_path(const struct disk *disk)
{
	return disk->path;
}

bool disk_is_block_device(const struct disk *disk)
{
	return disk->devno != 0;
}

dev_t disk_devno(const struct disk *disk)
{
	return disk->devno;
}

uint64_t disk_size(const struct disk *disk)
{
	return disk->size;
}

int disk_fd(const struct disk *disk)
{
	return disk->fd;
}

static int lock_fd(int fd, int timeout_ms, const struct observer *observer)
{
	const struct timespec pause = {.tv_nsec = 20 * 1000000L};

	/* udev takes a shared lock for a moment after each event, so try more than once. */
	for (;;) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (timeout_ms <= 0)
			return -ERR_BUSY;
		if (observer_interrupted(observer))
			return -EINTR;
		nanosleep(&pause, NULL);
		timeout_ms -= 20;
	}
}

/* Locks on any part of a file, as a virtual machine takes on its disk image. */
static int check_record_locks(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_OFD_GETLK, &lock) < 0)
		return errno == EINVAL ? 0 : -errno; /* the file system has no such locks */
	return lock.l_type == F_UNLCK ? 0 : -ERR_BUSY;
}

int disk_lock(struct disk *disk, int timeout_ms, const struct observer *observer)
{
	char path[64];
	int r;

	/* A device has one number but may have several nodes, and flock() applies to the node. */
	if (disk_is_block_device(disk) && disk->lock_fd < 0) {
		snprintf(path, sizeof(path), LOCK_FOLDER "/disk-%u:%u.lock", major(disk->devno),
			minor(disk->devno));
		(void)mkdir(LOCK_FOLDER, 0755);
		disk->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		r = disk->lock_fd >= 0 ? lock_fd(disk->lock_fd, timeout_ms, observer) : 0;
		if (r < 0)
			return r;
	}
	r = lock_fd(disk->fd, timeout_ms, observer);
	return r == 0 && !disk_is_block_device(disk) ? check_record_locks(disk->fd) : r;
}

int disk_claim(struct disk *disk)
{
	char same_device[64];

	if (!disk_is_block_device(disk) || disk->claim_fd >= 0)
		return 0;
	snprintf(same_device, sizeof(same_device), "/proc/self/fd/%d", disk->fd);
	disk->claim_fd = open(same_device, O_RDONLY | O_EXCL | O_CLOEXEC | O_NONBLOCK);
	return disk->claim_fd < 0 ? target_error(-errno) : 0;
}

int disk_resize(struct disk *disk, uint64_t size)
{
	if (disk_is_block_device(disk))
		return -ENOTSUP;
	if (size > INT64_MAX)
		return -ERR_TOO_LARGE;
	if (ftruncate(disk->fd, (off_t)size) < 0)
		return target_error(-errno);
	disk->size = size;
	return 0;
}

int disk_allocate(const struct disk *disk, uint64_t offset, uint64_t size)
{
	if (disk_is_block_device(disk) ||
		fallocate(disk->fd, FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)size) == 0)
		return 0;
	return errno == ENOSPC ? -ERR_NO_ROOM : 0;
}

int disk_reread_table(const struct disk *disk)
{
	/* Through the claim, if there is one: it shuts out all other descriptors, including our
	 * own. */
	int fd = disk->claim_fd >= 0 ? disk->claim_fd : disk->fd;

	/* EINVAL: such a device, for instance a loop device, has no partitions that could be
	 * stale. */
	return ioctl(fd, BLKRRPART) < 0 && errno != EINVAL ? -errno : 0;
}

static bool is_aligned(uint64_t offset, const void *buffer, size_t size, size_t alignment)
{
	return ((offset | (uintptr_t)buffer | size) & (alignment - 1)) == 0;
}

int disk_read(const struct disk *disk, uint64_t offset, void *buffer, size_t size)
{
	return target_error(file_read(disk->fd, buffer, size, offset));
}

int disk_read_medium(const struct disk *disk, uint64_t offset, void *buffer, size_t size)
{
	uint64_t start = ROUND_DOWN(offset, DISK_ALIGN);
	uint64_t end = ROUND_UP(offset + size, DISK_ALIGN);
	autofree void *bounce = NULL;
	int r;

	/* Most disks are content with whole sectors; those that are not return EINVAL. */
	if (disk->direct_fd >= 0 && is_aligned(offset, NULL, size, SECTOR_SIZE) &&
		is_aligned(0, buffer, 0, DISK_ALIGN)) {
		r = file_read(disk->direct_fd, buffer, size, offset);
		if (r != -EINVAL)
			return target_error(r);
	}
	/* Otherwise read the aligned piece around the requested bytes. */
	if (disk->direct_fd >= 0 && end <= disk->size && size <= BOUNCE_MAX) {
		bounce = disk_buffer((size_t)(end - start));
		if (!bounce)
			return -ENOMEM;
		r = file_read(disk->direct_fd, bounce, (size_t)(end - start), start);
		if (r == 0)
			memcpy(buffer, (uint8_t *)bounce + (offset - start), size);
		if (r != -EINVAL)
			return target_error(r);
	}

	/* Best effort without O_DIRECT: drop the clean pages, then read. */
	(void)posix_fadvise(disk->fd, (off_t)start, (off_t)(end - start), POSIX_FADV_DONTNEED);
	return target_error(file_read(disk->fd, buffer, size, offset));
}

int disk_write(struct disk *disk, uint64_t offset, const void *buffer, size_t size)
{
	autofree void *bounce = NULL;
	int r;

	/* A single sector must be written as a single sector: the page cache would write a whole
	 * page. */
	if (disk->direct_fd >= 0 && is_aligned(offset, NULL, size, SECTOR_SIZE)) {
		if (!is_aligned(0, buffer, 0, DISK_ALIGN) && size <= DISK_ALIGN) {
			bounce = disk_buffer(size);
			if (!bounce)
				return -ENOMEM;
			memcpy(bounce, buffer, size);
			buffer = bounce;
		}
		r = file_write(disk->direct_fd, buffer, size, offset);
		if (r != -EINVAL)
			return target_error(r);
	}
	return target_error(file_write(disk->fd, buffer, size, offset));
}

int disk_flush(struct disk *disk)
{
	/* Not fdatasync(): a sparse image file gets new blocks, and those are metadata. On a block
	 * device both send a cache flush. */
	if (fsync(disk->fd) < 0)
		return target_error(file_error(errno));
	return 0;
}

void *disk_buffer(size_t size)
{
	void *buffer = NULL;

	if (posix_memalign(&buffer, DISK_ALIGN, ROUND_UP(size, DISK_ALIGN)) != 0)
		return NULL;
	return buffer;
}
