/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "host.h"

#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "base/util.h"
#include "cmdline.h"
#include "device.h"
#include "mounts.h"

#define LOOPS "/sys/class/block"

/* The variables' vendor: UEFI 3.3, EFI_GLOBAL_VARIABLE. */
#define EFI_VARIABLES "/sys/firmware/efi/efivars"
#define EFI_GLOBAL    "8be4df61-93ca-11d2-aa0d-00e098032b8c"

int host_partition_node(const struct host *host, dev_t disk, unsigned int number, char **ret_path)
{
	dev_t partition;
	int r;

	r = device_partition(host->root, disk, number, &partition);
	if (r < 0)
		return r;
	return device_node(host->root, partition, ret_path);
}

int host_partition_disk(
	const struct host *host, dev_t partition, char **ret_disk_path, unsigned int *ret_number)
{
	unsigned int number;
	dev_t disk;
	int r;

	r = device_of_partition(host->root, partition, &disk, &number);
	if (r == 0)
		r = device_node(host->root, disk, ret_disk_path);
	if (r == 0)
		*ret_number = number;
	return r;
}

bool host_find_loop(const struct host *host, dev_t dev, ino_t inode, char name[HOST_LOOP_TEXT])
{
	cleanup(globfree) glob_t found = {0};
	autofree char *pattern = text_new("%s" LOOPS "/loop*/loop/backing_file", host->root);

	if (!pattern || glob(pattern, GLOB_NOSORT, NULL, &found) != 0)
		return false;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		autofree char *path = NULL;
		struct stat st;

		if (file_read_text(found.gl_pathv[i], '\n', &path) < 0 || stat(path, &st) < 0 ||
			st.st_dev != dev || st.st_ino != inode)
			continue;
		(void)sscanf(found.gl_pathv[i] + strlen(host->root) + strlen(LOOPS "/"), "%31[^/]",
			name);
		return true;
	}
	return false;
}

/* The device that host_mount_state() and host_unmount() are asked about. -ENOENT: unknown to the
 * kernel. */
static int find_device(const struct host *host, dev_t disk, unsigned int number, dev_t *ret_devno)
{
	if (number != 0)
		return device_partition(host->root, disk, number, ret_devno);
	*ret_devno = disk;
	return 0;
}

int host_mount_state(
	const struct host *host, dev_t disk, unsigned int number, enum host_mount *ret_state)
{
	cleanup(mounts_free) struct mounts mounts = {0};
	enum host_mount state = HOST_NOT_MOUNTED;
	dev_t partition;
	int r;

	r = find_device(host, disk, number, &partition);
	if (r == 0)
		r = mounts_read(host->root, &mounts);
	else if (r == -ENOENT)
		r = 0; /* what the kernel does not know cannot be mounted */
	if (r < 0)
		return r;
	for (size_t i = 0; i < mounts.n; i++)
		if (mounts.list[i].devno == partition)
			state = MAX(state,
				mounts.list[i].is_writable ? HOST_MOUNTED_RW : HOST_MOUNTED_RO);
	*ret_state = state;
	return 0;
}

/* The path of a mount point, if this mount is the one visible there; NULL: it is not, or no
 * memory. */
static char *reach(const struct host *host, const struct mount *mount)
{
	autofree char *path = text_new("%s%s", host->root, mount->target);
	struct stat st;

	return path && lstat(path, &st) == 0 && st.st_dev == mount->devno ? steal_pointer(path)
									  : NULL;
}

int host_mount_point(const struct host *host, dev_t disk, unsigned int number, bool *ret_writable,
	char **ret_path)
{
	cleanup(mounts_free) struct mounts mounts = {0};
	autofree char *found = NULL;
	bool is_writable = false;
	dev_t partition;
	int r;

	r = find_device(host, disk, number, &partition);
	if (r == 0)
		r = mounts_read(host->root, &mounts);
	for (size_t i = 0; r == 0 && i < mounts.n; i++) {
		char *path;

		if (mounts.list[i].devno != partition || (found && !mounts.list[i].is_writable))
			continue;
		path = reach(host, &mounts.list[i]);
		if (!path)
			continue;
		free(found);
		found = path;
		is_writable = mounts.list[i].is_writable;
	}
	if (r == 0 && !found)
		r = -ENOENT;
	if (r < 0)
		return r;
	*ret_writable = is_writable;
	*ret_path = steal_pointer(found);
	return 0;
}

/* Is this mount still in the table? Unmounting another may have removed it as well (shared
 * subtrees). */
static bool is_listed(const struct host *host, unsigned int id)
{
	cleanup(mounts_free) struct mounts mounts = {0};

	if (mounts_read(host->root, &mounts) < 0)
		return true;
	for (size_t i = 0; i < mounts.n; i++)
		if (mounts.list[i].id == id)
			return true;
	return false;
}

static int unmount(const struct host *host, const struct mount *mount)
{
	/* umount2() takes the topmost mount: make sure that is this one. */
	autofree char *path = reach(host, mount);

	if (!path && !is_listed(host, mount->id))
		return 0;
	if (!path)
		return refuse(-ERR_BUSY,
			"%s%s: cannot be unmounted, another mount hides it: unmount that one first",
			host->root, mount->target);
	if (umount2(path, UMOUNT_NOFOLLOW) < 0) {
		if (errno != EBUSY)
			return report(-errno, "%s: cannot unmount it", path);
		return refuse(-ERR_BUSY,
			"%s: cannot be unmounted, a program is using it: close that program and "
			"try again",
			path);
	}
	log_info("%s: unmounted", path);
	return 0;
}

int host_unmount(const struct host *host, dev_t disk, unsigned int number)
{
	cleanup(mounts_free) struct mounts mounts = {0};
	dev_t partition;
	int r;

	r = find_device(host, disk, number, &partition);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = mounts_read(host->root, &mounts);
	if (r < 0)
		return report(r, "cannot find out what is mounted");
	/* Last one first: it may lie inside an earlier one. */
	for (size_t i = mounts.n; r == 0 && i > 0; i--)
		if (mounts.list[i - 1].devno == partition)
			r = unmount(host, &mounts.list[i - 1]);
	return r;
}

int host_boot(const struct host *host, enum host_boot *ret_boot)
{
	bool is_live = false, is_previous = false, is_fallback = false;
	autofree char *line = NULL;
	char *cursor, *word;
	int r;

	r = cmdline_read(host->root, &line);
	if (r < 0)
		return r;
	cursor = line;
	while ((word = cmdline_next(&cursor))) {
		is_live |= strcmp(word, "boot=live") == 0;
		is_previous |= strcmp(word, "liveng.boot=previous") == 0;
		is_fallback |= strcmp(word, "liveng-fallback") == 0;
	}
	/* The fallback's kernel is the one on partition 1, whatever else the line says. */
	*ret_boot = !is_live	  ? HOST_BOOT_OTHER
		    : is_fallback ? HOST_BOOT_FALLBACK
		    : is_previous ? HOST_BOOT_PREVIOUS
				  : HOST_BOOT_STANDARD;
	return 0;
}

/* A one-byte variable, after four bytes of attributes (Linux, efivarfs); -1: there is none. */
static int efi_flag(const struct host *host, const char *name)
{
	cleanup(close_file) FILE *file = NULL;
	autofree char *path = text_new("%s" EFI_VARIABLES "/%s-" EFI_GLOBAL, host->root, name);
	uint8_t value[5];

	file = path ? fopen(path, "re") : NULL;
	if (!file || fread(value, 1, sizeof(value), file) != sizeof(value))
		return -1;
	return value[4];
}

bool host_enforces_secure_boot(const struct host *host)
{
	return efi_flag(host, "SecureBoot") == 1 && efi_flag(host, "SetupMode") != 1;
}
