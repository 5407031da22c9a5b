/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * A stick whose disk, machine and environment block are stand-ins: what it asks them, and what it
 * does with their answers.
 */

#include "stick/stick.h"
#include "stick/assessment.h"
#include "stick/stickmount.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

#include "said.h"

struct disk {
	bool is_block_device;
	int fd;
	uint64_t size;
	int read_error;
	int lock_error;
};

struct grubenv {
	const char *tries;
	char set[64]; /* "liveng_tries=3 ..." */
	int set_error;
	int write_error;
	int writes;
	int forgotten; /* how often a mount's cached copy was dropped after a write */
};

static struct disk disk_there; /* what disk_open() finds */
static enum host_mount mount_state;
static struct {
	dev_t disk;
	unsigned int number;
	int unmounts;
} asked; /* of the machine */
static struct {
	const char *path; /* NULL: it is not mounted */
	bool is_writable;
	int syncs;
	struct grubenv *grubenv; /* what grubenv_open() gives; NULL: there is none */
} esp;

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
	(void)path, (void)writable;
	*ret_disk = &disk_there;
	return 0;
}

void disk_close(struct disk *disk)
{
	(void)disk;
}

uint64_t disk_size(const struct disk *disk)
{
	return disk->size;
}

int disk_fd(const struct disk *disk)
{
	return disk->fd;
}

int disk_lock(struct disk *disk, int timeout_ms, const struct observer *observer)
{
	(void)timeout_ms, (void)observer;
	errno = 0;
	return disk->lock_error;
}

int disk_read(const struct disk *disk, uint64_t offset, void *buffer, size_t size)
{
	assert_true(offset + size <= disk->size);
	memset(buffer, 0, size);
	return disk->read_error;
}

int live_find_stick(const struct host *host, char **ret_path)
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

bool host_find_loop(const struct host *host, dev_t dev, ino_t inode, char name[HOST_LOOP_TEXT])
{
	(void)host, (void)dev, (void)inode, (void)name;
	return false;
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

int host_mount_point(const struct host *host, dev_t disk, unsigned int number, bool *ret_writable,
	char **ret_path)
{
	(void)host;
	assert_int_equal(disk, makedev(253, 3));
	assert_int_equal(number, STICK_ESP);
	if (!esp.path)
		return -ENOENT;
	*ret_writable = esp.is_writable;
	*ret_path = strdup(esp.path);
	return 0;
}

/* Replaces the C library's: which advice is given for which file. */
static bool is_at(int fd, const char *name)
{
	struct stat there, st;
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", esp.path ? esp.path : "", name);
	return stat(path, &st) == 0 && fstat(fd, &there) == 0 && st.st_ino == there.st_ino &&
	       st.st_dev == there.st_dev;
}

int syncfs(int fd)
{
	assert_true(is_at(fd, ""));
	esp.syncs++;
	return 0;
}

int posix_fadvise(int fd, off_t offset, off_t length, int advice)
{
	(void)offset, (void)length;
	if (advice == POSIX_FADV_DONTNEED && is_at(fd, GRUBENV_PATH))
		esp.grubenv->forgotten = esp.grubenv->writes;
	return 0;
}

int grubenv_open(const struct disk *disk, struct extent partition, struct grubenv **ret_grubenv)
{
	(void)disk, (void)partition;
	/* By now the mount has been flushed to the medium. */
	assert_int_equal(esp.syncs, esp.is_writable);
	if (!esp.grubenv)
		return -ENOENT;
	*ret_grubenv = esp.grubenv;
	return 0;
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

/* What stickmount_release() returns for a stick mounted like that. */
static int release(bool is_block_device, bool is_whole, enum host_mount state, bool dry_run)
{
	struct disk disk = {.is_block_device = is_block_device};
	const struct host host = {""};
	int old = begin_listening();
	int r;

	mount_state = state;
	memset(&asked, 0, sizeof(asked));
	r = stickmount_release(&disk, is_whole ? STICK_KERNEL : 0, "the stick", &host, dry_run);
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

static void a_regular_file_has_no_mounts(void **state)
{
	(void)state;
	assert_int_equal(release(false, true, HOST_MOUNTED_RW, false), 0);
	assert_int_equal(release(false, false, HOST_MOUNTED_RW, false), 0);
}

/* Open a disk of zeros: what is reported. */
static int open_zeros(uint64_t size, int read_error, int lock_error, bool writable)
{
	const struct host host = {""};
	struct stick *stick = NULL;
	int old = begin_listening();
	int r;

	disk_there = (struct disk){.fd = file_with("", 0), .size = size};
	assert_int_equal(ftruncate(disk_there.fd, (off_t)size), 0);
	disk_there.read_error = read_error;
	disk_there.lock_error = lock_error;
	r = stick_open(&host, STICK_DISK, "the stick", writable, NULL, &stick);
	close(disk_there.fd);
	end_listening(old);
	assert_null(stick);
	return r;
}

/* A file with a GPT, and as partition 2 the head of a file system with the right label. */
static int stick_file(const char *folder)
{
	uint8_t pvd[2048] = "\1CD001\1";
	char path[64], command[256];
	int fd;

	memset(pvd + 40, ' ', 32);
	memcpy(pvd + 40, "LIVENG_SYSTEM2", 14);
	snprintf(path, sizeof(path), "%s/stick", folder);
	snprintf(command, sizeof(command),
		"PATH=$PATH:/sbin:/usr/sbin; truncate -s 8M %s && printf "
		"'label: gpt\nsize=1M\nsize=1M\nsize=1M\n' | sfdisk -q %s",
		path, path);
	assert_int_equal(system(command), 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, pvd, sizeof(pvd), 2 * MIB + 32768), sizeof(pvd));
	return fd;
}

/* Open such a stick, whose partition 3 is mounted or not, and write its grubenv twice. Returns
 * after which write the mount's cached copy was last dropped. */
static int write_grubenv(const char *folder, bool is_mounted, bool is_writable)
{
	struct grubenv grubenv = {0};
	const struct host host = {""};
	struct stick *stick = NULL;
	int old = begin_listening();

	disk_there =
		(struct disk){.is_block_device = true, .fd = stick_file(folder), .size = 8 * MIB};
	esp.path = is_mounted ? folder : NULL;
	esp.is_writable = is_writable;
	esp.syncs = 0;
	esp.grubenv = &grubenv;
	log_set_warning_sink(note_error, NULL);
	assert_int_equal(
		stick_open(&host, STICK_DISK, "the stick", STICK_WRITABLE, NULL, &stick), 0);
	assert_int_equal(assessment_begin_trial(stick, PREVIOUS_PROVEN, 0), 0);
	assert_int_equal(assessment_end_trial(stick, PREVIOUS_PROVEN), 0);
	log_set_warning_sink(NULL, NULL);
	end_listening(old);
	stick_close(stick);
	close(disk_there.fd);
	assert_int_equal(grubenv.writes, 2);
	esp.grubenv = NULL;
	return grubenv.forgotten;
}

/* To change something underneath a mount: first flush the mount, then drop its cached copy. */
static void grubenv_is_changed_beneath_a_mount(void **state)
{
	char folder[] = "/tmp/liveng-stick-XXXXXX", command[256];

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(command, sizeof(command), "mkdir -p %s/boot/grub && echo > %s/" GRUBENV_PATH,
		folder, folder);
	assert_int_equal(system(command), 0);
	assert_int_equal(write_grubenv(folder, true, true), 2);
	assert_int_equal(esp.syncs, 1);
	assert_non_null(strstr(said, "partition 3 is mounted at /tmp/"));
	assert_int_equal(write_grubenv(folder, true, false), 2);
	assert_int_equal(esp.syncs, 0);
	assert_int_equal(said_count, 0);
	assert_int_equal(write_grubenv(folder, false, false), 0);
	assert_int_equal(said_count, 0);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
}

static void an_unreadable_table_is_not_a_missing_one(void **state)
{
	static const uint64_t sizes[] = {512, 513, 16 * 1024, 17 * 1024, 1024 * 1024};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		assert_int_equal(open_zeros(sizes[i], 0, 0, false), -ERR_NOT_STICK);
		assert_string_equal(said, "the stick: has no GPT with a second partition, or is "
					  "truncated: not a liveng stick");
		assert_int_equal(open_zeros(sizes[i], -EIO, 0, false), -EIO);
		assert_string_equal(
			said, "the stick: cannot read the partition table: Input/output error");
	}
}

static void the_reason_for_a_failed_lock_is_reported(void **state)
{
	(void)state;
	assert_int_equal(open_zeros(MIB, 0, -ENOLCK, true), -ENOLCK);
	assert_string_equal(said, "the stick: cannot lock it: No locks available");
	assert_int_equal(open_zeros(MIB, 0, -EBUSY, true), -EBUSY);
	assert_int_equal(open_zeros(MIB, 0, -EBUSY, false), -ERR_NOT_STICK);
}

static void tries_are_one_digit(void **state)
{
	static const struct {
		const char *value;
		int tries;
	} cases[] = {{NULL, -1}, {"", -1}, {"3", 3}, {"1", 1}, {"0", 0}, {"4", 0}, {"10", 0},
		{"4294967295", 0}, {"99999999999", 0}, {"-1", 0}, {"+2", 0}, {" 2", 0}, {"2 ", 0},
		{"2x", 0}, {"x", 0}, {"02", 0}};
	struct grubenv grubenv = {0};
	struct stick stick = {.grubenv = &grubenv};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		grubenv.tries = cases[i].value;
		assert_int_equal(assessment_tries(&stick), cases[i].tries);
	}
	stick.grubenv = NULL;
	assert_int_equal(assessment_tries(&stick), -1);
}

static void the_assessment_is_one_write(void **state)
{
	struct disk disk = {0};
	struct grubenv grubenv = {0};
	struct stick stick = {.disk = &disk, .grubenv = &grubenv, .has_trials = true};

	(void)state;
	assert_int_equal(assessment_begin_trial(&stick, PREVIOUS_PROVEN, 0), 0);
	assert_string_equal(grubenv.set, "liveng_tries=3 liveng_previous=1 liveng_proven=- ");
	assert_int_equal(grubenv.writes, 1);
	grubenv = (struct grubenv){0};
	assert_int_equal(assessment_end_trial(&stick, PREVIOUS_GONE), 0);
	assert_string_equal(grubenv.set, "liveng_tries=- liveng_previous=0 liveng_proven=- ");
	grubenv = (struct grubenv){0};
	assert_int_equal(assessment_begin_trial(&stick, PREVIOUS_GONE, 'B'), 0);
	assert_string_equal(grubenv.set, "liveng_tries=3 liveng_previous=0 liveng_proven=B ");
	stick.has_trials = false;
	grubenv = (struct grubenv){0};
	assert_int_equal(assessment_begin_trial(&stick, PREVIOUS_DOUBTED, 'B'), 0);
	assert_string_equal(grubenv.set, "liveng_tries=- liveng_previous=2 liveng_proven=- ");
	stick.grubenv = NULL;
	assert_int_equal(assessment_begin_trial(&stick, PREVIOUS_PROVEN, 0), 0);
}

/* A full block is not a lack of room for a set; a full file system around an image is. */
static void a_full_block_is_reported(void **state)
{
	struct disk disk = {0};
	struct grubenv grubenv = {.set_error = -ERR_FULL};
	struct stick stick = {.disk = &disk, .grubenv = &grubenv, .has_trials = true};
	int old = begin_listening(), r;

	(void)state;
	r = assessment_begin_trial(&stick, PREVIOUS_PROVEN, 0);
	end_listening(old);
	assert_int_equal(r, -ERR_FULL);
	assert_string_equal(said, "the stick: boot/grub/grubenv on partition 3 is full: remove "
				  "variables with grub-editenv");
	assert_int_equal(grubenv.writes, 0);

	grubenv = (struct grubenv){.write_error = -ERR_NO_ROOM};
	old = begin_listening();
	r = assessment_begin_trial(&stick, PREVIOUS_PROVEN, 0);
	end_listening(old);
	assert_int_equal(r, -ERR_NO_ROOM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mounts_of_the_kernel_partition_are_undone),
		cmocka_unit_test(mounts_of_a_device_that_is_the_partition_are_undone),
		cmocka_unit_test(a_regular_file_has_no_mounts),
		cmocka_unit_test(grubenv_is_changed_beneath_a_mount),
		cmocka_unit_test(an_unreadable_table_is_not_a_missing_one),
		cmocka_unit_test(the_reason_for_a_failed_lock_is_reported),
		cmocka_unit_test(tries_are_one_digit),
		cmocka_unit_test(the_assessment_is_one_write),
		cmocka_unit_test(a_full_block_is_reported),
	};

	return cmocka_run_group_tests_name("stick", tests, NULL, NULL);
}
