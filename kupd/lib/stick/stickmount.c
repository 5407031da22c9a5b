/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "stickmount.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include "base/log.h"
#include "base/text.h"
#include "base/util.h"
#include "disk/grubenv.h"

/*
 * The block is changed in place, underneath a mount of partition 3: make sure that the medium has
 * what was written through the mount before we read it. A mount is no reason to refuse: otherwise a
 * kernel that did come up could not be blessed and would be given up.
 */
int stickmount_settle(
	const struct disk *disk, unsigned int number, const struct host *host, char **ret_point)
{
	const char *path = disk_path(disk);
	autofree char *point = NULL;
	autoclose int fd = -1;
	bool is_writable;
	int r;

	if (!disk_is_block_device(disk))
		return 0;
	r = host_mount_point(host, disk_devno(disk), number, &is_writable, &point);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return report(
			r, "%s: cannot find out whether partition %u is mounted", path, number);
	if (is_writable) {
		log_warning("%s: partition %u is mounted at %s: nothing else may write there now",
			path, number, point);
		fd = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 || syncfs(fd) < 0)
			return report(-errno, "%s: cannot flush it", point);
	}
	*ret_point = steal_pointer(point);
	return 0;
}

int stickmount_release(const struct disk *disk, unsigned int number, const char *name,
	const struct host *host, bool dry_run)
{
	dev_t devno = disk_devno(disk);
	enum host_mount state;
	int r;

	if (!disk_is_block_device(disk))
		return 0;
	r = host_mount_state(host, devno, number, &state);
	if (r < 0)
		return report(r, "%s: cannot find out whether it is mounted", name);
	if (state == HOST_MOUNTED_RW)
		return refuse(-ERR_REFUSED, "%s: is mounted read-write: unmount it first", name);
	if (state == HOST_MOUNTED_RO && !dry_run)
		return host_unmount(host, devno, number);
	return 0;
}

void stickmount_refresh_grubenv(const char *point)
{
	autofree char *path = NULL;
	autoclose int fd = -1;

	if (!point)
		return;
	path = text_new("%s/" GRUBENV_PATH, point);
	fd = path ? open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
	if (fd >= 0)
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

void stickmount_refresh(const struct disk *disk, unsigned int number, const struct host *host)
{
	autofree char *node = NULL;
	autoclose int fd = -1;

	/* The partition's device has its own page cache: a mount would read old blocks. */
	if (!disk_is_block_device(disk) ||
		host_partition_node(host, disk_devno(disk), number, &node) < 0)
		return;
	fd = open(node, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		(void)ioctl(fd, BLKFLSBUF, 0);
}
