/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "stickmount.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include "base/log.h"
#include "base/text.h"
#include "base/util.h"

/*
 * The block is changed in place, beneath a mount of partition 3: see that the medium has what was
 * written through that before we look. A mount is no reason to refuse: a kernel that came up would
 * be given up if nobody could say so.
 */
int mounted_settle(const struct stick *stick, const struct host *host, char **ret_point)
{
	const char *path = disk_path(stick->disk);
	autofree char *point = NULL;
	autoclose int fd = -1;
	bool is_writable;
	int r;

	if (!stick->is_whole || !disk_is_block_device(stick->disk) ||
		stick->partitions[STICK_ESP].size == 0)
		return 0;
	r = host_mount_point(host, disk_devno(stick->disk), STICK_ESP, &is_writable, &point);
	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		errno = -r;
		log_error("%s: cannot tell whether partition %d is mounted: %m", path, STICK_ESP);
		return r;
	}
	if (is_writable) {
		log_warning("%s: partition %d is mounted at %s: nothing else may write there now",
			path, STICK_ESP, point);
		fd = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 || syncfs(fd) < 0) {
			r = -errno;
			log_error("%s: cannot write what it holds in memory: %m", point);
			return r;
		}
	}
	*ret_point = steal_pointer(point);
	return 0;
}

int mounted_release(const struct stick *stick, const struct host *host, bool dry_run)
{
	/* A partition that belongs to no disk (device-mapper, loop) is mounted by its
	 * own number. */
	unsigned int number = stick->is_whole ? STICK_KERNEL : 0;
	dev_t devno = disk_devno(stick->disk);
	enum host_mount state;
	int r;

	if (!disk_is_block_device(stick->disk))
		return 0;
	r = host_mount_state(host, devno, number, &state);
	if (r < 0) {
		errno = -r;
		log_error("%s: cannot tell whether it is mounted: %m", stick->name);
		return r;
	}
	if (state == HOST_MOUNTED_RW) {
		log_error("%s: is mounted read-write: unmount it first", stick->name);
		return -ERR_REFUSED;
	}
	if (state == HOST_MOUNTED_RO && !dry_run)
		return host_unmount(host, devno, number);
	return 0;
}

void mounted_refresh_grubenv(const struct stick *stick)
{
	autofree char *path = NULL;
	autoclose int fd = -1;

	if (!stick->esp_point)
		return;
	path = text_new("%s/" GRUBENV_PATH, stick->esp_point);
	fd = path ? open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
	if (fd >= 0)
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

void mounted_refresh_kernel(const struct stick *stick, const struct host *host)
{
	autofree char *node = NULL;
	autoclose int fd = -1;

	/* The partition's device has a page cache of its own: a mount would read old blocks. */
	if (!disk_is_block_device(stick->disk) || !stick->is_whole ||
		host_partition_node(host, disk_devno(stick->disk), STICK_KERNEL, &node) < 0)
		return;
	fd = open(node, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		(void)ioctl(fd, BLKFLSBUF, 0);
}
