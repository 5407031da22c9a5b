/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * A stick whose disk, machine and environment block are stand-ins: what it asks of them, and what
 * it makes of their answers.
 */

#include "stick.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

#include "said.h"

struct disk {
	bool is_block_device;
};

struct grubenv {
	const char *tries;
	char set[64]; /* "liveng_tries=3 ..." */
	int set_error;
	int write_error;
	int writes;
};

static enum host_mount mount_state;
static struct {
	dev_t disk;
	unsigned int number;
	int unmounts;
} asked; /* of the machine */

const char *disk_path(const struct disk *disk)
{
	(void)disk;
	return "the stick";
}

bool disk_is_block_device(const struct disk *disk)
{
	return disk->is_block_device;
}

dev_t disk_devno(const struct disk *disk)
{
	return disk->is_block_device ? makedev(253, 3) : 0;
}

int disk_open(const char *path, bool writable, struct disk **ret_disk)
{
	(void)path, (void)writable, (void)ret_disk;
	return -ENOENT;
}

void disk_close(struct disk *disk)
{
	(void)disk;
}

uint64_t disk_size(const struct disk *disk)
{
	(void)disk;
	return 0;
}

int disk_fd(const struct disk *disk)
{
	(void)disk;
	return -1;
}

int disk_lock(struct disk *disk, int timeout_ms)
{
	(void)disk, (void)timeout_ms;
	return 0;
}

int disk_read(const struct disk *disk, uint64_t offset, void *buffer, size_t size)
{
	(void)disk, (void)offset, (void)buffer, (void)size;
	return -EIO;
}

int host_find_stick(const struct host *host, char **ret_path)
{
	(void)host, (void)ret_path;
	return -ERR_NOT_STICK;
}

int host_partition_node(const struct host *host, dev_t disk, unsigned int number, char **ret_path)
{
	(void)host, (void)disk, (void)number, (void)ret_path;
	return -ENOENT;
}

int host_partition_disk(
	const struct host *host, dev_t partition, char **ret_disk_path, unsigned int *ret_number)
{
	(void)host, (void)partition, (void)ret_disk_path, (void)ret_number;
	return -ENOENT;
}

int host_mount_state(
	const struct host *host, dev_t disk, unsigned int number, enum host_mount *ret_state)
{
	(void)host;
	asked.disk = disk;
	asked.number = number;
	*ret_state = mount_state;
	return 0;
}

int host_unmount(const struct host *host, dev_t disk, unsigned int number)
{
	(void)host;
	assert_int_equal(disk, asked.disk);
	assert_int_equal(number, asked.number);
	asked.unmounts++;
	return 0;
}

int grubenv_open(const struct disk *disk, struct extent esp, struct grubenv **ret_grubenv)
{
	(void)disk, (void)esp, (void)ret_grubenv;
	return -ENOENT;
}

void grubenv_free(struct grubenv *grubenv)
{
	(void)grubenv;
}

const char *grubenv_get(const struct grubenv *grubenv, const char *name)
{
	return strcmp(name, "liveng_tries") == 0 ? grubenv->tries : NULL;
}

int grubenv_set(struct grubenv *grubenv, const char *name, const char *value)
{
	size_t length = strlen(grubenv->set);

	if (grubenv->set_error)
		return grubenv->set_error;
	snprintf(grubenv->set + length, sizeof(grubenv->set) - length, "%s=%s ", name,
		value ? value : "-");
	return 0;
}

int grubenv_write(struct grubenv *grubenv, struct disk *disk)
{
	(void)disk;
	grubenv->writes++;
	return grubenv->write_error;
}

/* What stick_release_mounts() says of a stick that is mounted like that. */
static int release(bool is_block_device, bool is_whole, enum host_mount state, bool dry_run)
{
	struct disk disk = {is_block_device};
	struct stick stick = {.disk = &disk, .name = "the stick", .is_whole = is_whole};
	const struct host host = {""};
	int old = begin_listening();
	int r;

	mount_state = state;
	memset(&asked, 0, sizeof(asked));
	r = stick_release_mounts(&stick, &host, dry_run);
	end_listening(old);
	return r;
}

static void mounts_of_the_kernel_partition_are_undone(void **state)
{
	(void)state;
	assert_int_equal(release(true, true, HOST_MOUNTED_RO, false), 0);
	assert_int_equal(asked.disk, makedev(253, 3));
	assert_int_equal(asked.number, STICK_KERNEL);
	assert_int_equal(asked.unmounts, 1);
	assert_int_equal(release(true, true, HOST_MOUNTED_RO, true), 0);
	assert_int_equal(asked.unmounts, 0);
	assert_int_equal(release(true, true, HOST_MOUNTED_RW, false), -ERR_REFUSED);
	assert_int_equal(asked.unmounts, 0);
	assert_int_equal(release(true, true, HOST_NOT_MOUNTED, false), 0);
	assert_int_equal(asked.unmounts, 0);
}

/* /dev/mapper/NAME and the like: no disk around it. */
static void mounts_of_a_device_that_is_the_partition_are_undone(void **state)
{
	(void)state;
	assert_int_equal(release(true, false, HOST_MOUNTED_RO, false), 0);
	assert_int_equal(asked.disk, makedev(253, 3));
	assert_int_equal(asked.number, 0);
	assert_int_equal(asked.unmounts, 1);
	assert_int_equal(release(true, false, HOST_MOUNTED_RW, false), -ERR_REFUSED);
}

static void a_plain_file_has_no_mounts(void **state)
{
	(void)state;
	assert_int_equal(release(false, true, HOST_MOUNTED_RW, false), 0);
	assert_int_equal(release(false, false, HOST_MOUNTED_RW, false), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mounts_of_the_kernel_partition_are_undone),
		cmocka_unit_test(mounts_of_a_device_that_is_the_partition_are_undone),
		cmocka_unit_test(a_plain_file_has_no_mounts),
	};

	return cmocka_run_group_tests_name("stick", tests, NULL, NULL);
}
