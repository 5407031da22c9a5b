/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "device.h"

#include <linux/major.h>
#include <stdarg.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "base/text.h"
#include "base/util.h"

#define DEPTH_MAX 8u /* LVM over LUKS over md over a partition is 4 */

/* The path of an attribute in a device's folder. NULL: no memory. */
__attribute__((format(printf, 3, 4))) static char *attribute(
	const char *root, dev_t devno, const char *format, ...)
{
	autofree char *name = NULL;
	va_list arguments;

	va_start(arguments, format);
	name = text_new_list(format, arguments);
	va_end(arguments);
	return name ? text_new("%s/sys/dev/block/%u:%u/%s", root, major(devno), minor(devno), name)
		    : NULL;
}

static int read_number(const char *path, unsigned int *ret_number)
{
	autofree char *line = NULL;
	int r = path ? file_read_text(path, '\n', &line) : -ENOMEM;

	if (r < 0)
		return r;
	return sscanf(line, "%u", ret_number) == 1 ? 0 : -ERR_DAMAGED;
}

static int read_devno(const char *path, dev_t *ret_devno)
{
	unsigned int major_number, minor_number;
	autofree char *line = NULL;
	int r = path ? file_read_text(path, '\n', &line) : -ENOMEM;

	if (r < 0)
		return r;
	if (sscanf(line, "%u:%u", &major_number, &minor_number) != 2)
		return -ERR_DAMAGED;
	*ret_devno = makedev(major_number, minor_number);
	return 0;
}

int device_node(const char *root, dev_t devno, char **ret_node)
{
	autofree char *path = attribute(root, devno, "uevent");
	cleanup(close_file) FILE *file = NULL;
	autofree char *line = NULL;
	size_t size = 0;
	char *node;

	if (!path)
		return -ENOMEM;
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (getline(&line, &size, file) >= 0) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "DEVNAME=", 8) != 0)
			continue;
		node = text_new("%s/dev/%s", root, line + 8);
		if (!node)
			return -ENOMEM;
		*ret_node = node;
		return 0;
	}
	return feof(file) ? -ENOENT : -errno;
}

int device_folder(const char *root, dev_t devno, char **ret_folder)
{
	autofree char *path = attribute(root, devno, ".");
	char *folder;

	if (!path)
		return -ENOMEM;
	folder = realpath(path, NULL);
	if (!folder)
		return -errno;
	*ret_folder = folder;
	return 0;
}

int device_find(const char *root, const char *path, dev_t *ret_devno)
{
	autofree char *dev = text_new("%s/dev", root);
	autofree char *below_root = text_new("%s%s", root, path);
	autofree char *real_dev = NULL;
	autofree char *node = NULL;
	autofree char *entry = NULL;
	char *name;

	if (!dev || !below_root)
		return -ENOMEM;
	real_dev = realpath(dev, NULL);
	node = real_dev ? realpath(below_root, NULL) : NULL;
	if (!node)
		return -errno;
	name = node + strlen(real_dev);
	if (strncmp(node, real_dev, strlen(real_dev)) != 0 || *name++ != '/')
		return -ENOENT;
	/* "cciss/c0d0" is "cciss!c0d0" in sysfs. */
	for (char *slash = name; (slash = strchr(slash, '/'));)
		*slash = '!';
	entry = text_new("%s/sys/class/block/%s/dev", root, name);
	return read_devno(entry, ret_devno);
}

int device_of_partition(const char *root, dev_t devno, dev_t *ret_disk, unsigned int *ret_number)
{
	autofree char *number_path = attribute(root, devno, "partition");
	/* The entry is a symlink into the disk's own folder, so its parent is that folder. */
	autofree char *disk_path = attribute(root, devno, "../dev");
	unsigned int number;
	dev_t disk;
	int r;

	r = read_number(number_path, &number);
	if (r == 0)
		r = read_devno(disk_path, &disk);
	if (r < 0)
		return r;
	*ret_disk = disk;
	*ret_number = number;
	return 0;
}

/* Open a subfolder of a device. -ENOENT if there is none. */
static int open_folder(const char *root, dev_t devno, const char *name, DIR **ret_folder)
{
	autofree char *path = attribute(root, devno, "%s", name);
	DIR *folder;

	if (!path)
		return -ENOMEM;
	folder = opendir(path);
	if (!folder)
		return -errno;
	*ret_folder = folder;
	return 0;
}

int device_partition(const char *root, dev_t disk, unsigned int number, dev_t *ret_devno)
{
	cleanup(close_folder) DIR *folder = NULL;
	struct dirent *entry;
	int r;

	r = open_folder(root, disk, ".", &folder);
	if (r < 0)
		return r;
	while ((entry = readdir(folder))) {
		autofree char *number_path = NULL;
		autofree char *devno_path = NULL;
		unsigned int found;

		/* Not `..`: if this is a partition and not a disk, it has a number as well. */
		if (entry->d_name[0] == '.')
			continue;
		number_path = attribute(root, disk, "%s/partition", entry->d_name);
		devno_path = attribute(root, disk, "%s/dev", entry->d_name);
		if (!number_path || !devno_path)
			return -ENOMEM;
		if (read_number(number_path, &found) == 0 && found == number)
			return read_devno(devno_path, ret_devno);
	}
	return -ENOENT;
}

/* The next of a device's slaves. 1: there is one; 0: no more. */
static int next_slave(const char *root, dev_t devno, DIR *slaves, dev_t *ret_slave)
{
	struct dirent *entry;

	while (slaves && (entry = readdir(slaves))) {
		autofree char *path = NULL;
		int r;

		if (entry->d_name[0] == '.')
			continue;
		path = attribute(root, devno, "slaves/%s/dev", entry->d_name);
		r = read_devno(path, ret_slave);
		return r < 0 ? r : 1;
	}
	return 0;
}

static int add(struct device_disks *disks, dev_t disk)
{
	for (size_t i = 0; i < disks->n; i++)
		if (disks->list[i] == disk)
			return 0;
	if (disks->n == DEVICE_DISKS_MAX)
		return -ERR_TOO_LARGE;
	disks->list[disks->n++] = disk;
	return 0;
}

static int add_disks(const char *root, dev_t devno, unsigned int depth, struct device_disks *disks)
{
	cleanup(close_folder) DIR *slaves = NULL;
	bool has_slaves = false, is_partition;
	unsigned int number;
	dev_t slave;
	int r;

	if (depth == DEPTH_MAX)
		return -ELOOP;
	r = device_of_partition(root, devno, &devno, &number);
	if (r < 0 && r != -ENOENT)
		return r;
	is_partition = r == 0;

	r = open_folder(root, devno, "slaves", &slaves);
	if (r < 0 && r != -ENOENT)
		return r;
	while ((r = next_slave(root, devno, slaves, &slave)) > 0) {
		r = add_disks(root, slave, depth + 1, disks);
		if (r < 0)
			return r;
		has_slaves = true;
	}
	if (r < 0 || has_slaves)
		return r;

	/* A loop device with partitions is an image attached as a disk. Without partitions it shows
	 * a file: a squashfs, say, which lies in memory or on an unrelated disk. */
	if (major(devno) == 0 || (major(devno) == LOOP_MAJOR && !is_partition))
		return 0;
	return add(disks, devno);
}

int device_add_disks(const char *root, dev_t devno, struct device_disks *disks)
{
	struct device_disks found = *disks;
	int r;

	r = add_disks(root, devno, 0, &found);
	if (r == 0)
		*disks = found;
	return r;
}

/* The block device that a loop device shows. -ENOENT: it shows a file, or is not a loop device. */
static int behind_loop(const char *root, dev_t devno, dev_t *ret_devno)
{
	autofree char *path = attribute(root, devno, "loop/backing_file");
	autofree char *line = NULL;
	int r = path ? file_read_text(path, '\n', &line) : -ENOMEM;

	if (r < 0)
		return r;
	return strncmp(line, "/dev/", 5) == 0 ? device_find(root, line, ret_devno) : -ENOENT;
}

static int lies_on(const char *root, dev_t devno, dev_t disk, unsigned int depth, bool *ret_lies)
{
	cleanup(close_folder) DIR *slaves = NULL;
	unsigned int number;
	dev_t beneath;
	int r;

	if (depth == DEPTH_MAX)
		return -ELOOP;
	if (devno != disk && device_of_partition(root, devno, &beneath, &number) == 0)
		devno = beneath;
	if (devno == disk) {
		*ret_lies = true;
		return 0;
	}
	if (behind_loop(root, devno, &beneath) == 0)
		return lies_on(root, beneath, disk, depth + 1, ret_lies);

	r = open_folder(root, devno, "slaves", &slaves);
	if (r < 0 && r != -ENOENT)
		return r;
	while (!*ret_lies && (r = next_slave(root, devno, slaves, &beneath)) > 0) {
		r = lies_on(root, beneath, disk, depth + 1, ret_lies);
		if (r < 0)
			return r;
	}
	return MIN(r, 0);
}

int device_lies_on(const char *root, dev_t devno, dev_t disk, bool *ret_lies)
{
	bool lies = false;
	int r;

	r = lies_on(root, devno, disk, 0, &lies);
	if (r == 0)
		*ret_lies = lies;
	return r;
}

/* The first name in a subfolder of a device. -ENOENT: there is none. */
static int first_name(const char *root, dev_t devno, const char *name, char **ret_name)
{
	cleanup(close_folder) DIR *folder = NULL;
	struct dirent *entry;
	int r;

	r = open_folder(root, devno, name, &folder);
	if (r < 0)
		return r;
	while ((entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		*ret_name = strdup(entry->d_name);
		return *ret_name ? 0 : -ENOMEM;
	}
	return -ENOENT;
}

int device_holder(const char *root, dev_t disk, char **ret_name)
{
	cleanup(close_folder) DIR *folder = NULL;
	struct dirent *entry;
	int r;

	r = first_name(root, disk, "holders", ret_name);
	if (r == -ENOENT)
		r = open_folder(root, disk, ".", &folder);
	if (!folder)
		return r;
	r = -ENOENT;
	while (r == -ENOENT && (entry = readdir(folder))) {
		autofree char *holders = NULL;

		/* Only the folders of partitions have a subfolder of that name. */
		if (entry->d_name[0] == '.')
			continue;
		holders = text_new("%s/holders", entry->d_name);
		if (!holders)
			return -ENOMEM;
		r = first_name(root, disk, holders, ret_name);
		if (r == -ENOTDIR)
			r = -ENOENT;
	}
	return r;
}
