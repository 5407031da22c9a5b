/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * For unit tests: simulated machines, with what /proc, /sys and /dev show of them, below a separate
 * root folder.
 */

#include "machine/host.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/util.h"

static char root[40];
static const struct host host = {root};
static char told[2048]; /* the last error */

static inline void note_error(void *data, const char *text)
{
	(void)data;
	snprintf(told, sizeof(told), "%s", text);
}

/* The path of something below the root, its folders made; valid for the next few calls. */
__attribute__((format(printf, 1, 2))) static inline const char *at(const char *format, ...)
{
	static char paths[4][256];
	static unsigned int turn;
	char *path = paths[turn++ % ARRAY_SIZE(paths)];
	size_t length = (size_t)snprintf(path, sizeof(paths[0]), "%s/", root);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(path + length, sizeof(paths[0]) - length, format, arguments);
	va_end(arguments);
	for (char *slash = path + length; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	return path;
}

static inline void put(const char *path, const void *bytes, size_t size)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

static inline void put_text(const char *path, const char *text)
{
	put(path, text, strlen(text));
}

/* A block device in sysfs and its node; @folder is its place below /sys/devices. */
static inline void add_device(const char *folder, const char *name, dev_t devno)
{
	char text[128], target[160];

	snprintf(text, sizeof(text), "%u:%u\n", major(devno), minor(devno));
	put_text(at("sys/devices/%s/dev", folder), text);
	snprintf(text, sizeof(text), "MAJOR=%u\nMINOR=%u\nDEVNAME=%s\nDEVTYPE=x\n", major(devno),
		minor(devno), name);
	put_text(at("sys/devices/%s/uevent", folder), text);
	snprintf(target, sizeof(target), "../../devices/%s", folder);
	assert_int_equal(symlink(target, at("sys/dev/block/%u:%u", major(devno), minor(devno))), 0);
	assert_int_equal(symlink(target, at("sys/class/block/%s", strrchr(folder, '/') + 1)), 0);
	put_text(at("dev/%s", name), "");
}

static inline dev_t add_disk(const char *name, unsigned int major_number, unsigned int minor_number)
{
	char folder[64];

	snprintf(folder, sizeof(folder), "pci/block/%s", name);
	add_device(folder, name, makedev(major_number, minor_number));
	at("sys/devices/%s/slaves/", folder);
	return makedev(major_number, minor_number);
}

static inline dev_t add_partition(
	const char *disk, const char *name, unsigned int number, dev_t devno)
{
	char folder[96], text[16];

	snprintf(folder, sizeof(folder), "pci/block/%s/%s", disk, name);
	add_device(folder, name, devno);
	snprintf(text, sizeof(text), "%u\n", number);
	put_text(at("sys/devices/%s/partition", folder), text);
	return devno;
}

/* A stick with its four partitions; returns the disk. */
static inline dev_t add_stick(const char *disk, unsigned int minor_number)
{
	dev_t devno = add_disk(disk, 8, minor_number);
	char name[32];

	for (unsigned int n = 1; n <= 4; n++) {
		snprintf(name, sizeof(name), "%s%u", disk, n);
		add_partition(disk, name, n, makedev(8, minor_number + n));
	}
	return devno;
}

static inline void add_slave(const char *mapped, const char *slave_folder, const char *name)
{
	char target[128];

	snprintf(target, sizeof(target), "../../../../../devices/pci/block/%s", slave_folder);
	assert_int_equal(
		symlink(target, at("sys/devices/pci/block/%s/slaves/%s", mapped, name)), 0);
}

static inline void set_mounts(const char *lines)
{
	char text[4096];

	snprintf(text, sizeof(text),
		"22 28 0:21 / /proc rw,nosuid shared:12 - proc proc rw\n"
		"28 1 0:26 / / rw,noatime shared:1 - overlay overlay rw,lowerdir=/x\n%s",
		lines);
	put_text(at("proc/self/mountinfo"), text);
}

static inline void set_command_line(const char *line)
{
	put_text(at("proc/cmdline"), line);
}

static inline int set_up(void **state)
{
	(void)state;
	strcpy(root, "/tmp/liveng-host-XXXXXX");
	assert_non_null(mkdtemp(root));
	log_init("test", LOG_QUIET);
	log_set_sink(note_error, NULL);
	told[0] = '\0';
	set_mounts("");
	set_command_line("BOOT_IMAGE=/live/vmlinuz boot=live quiet\n");
	return 0;
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static inline int tear_down(void **state)
{
	(void)state;
	return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
