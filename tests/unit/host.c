/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "machine.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "machine/device.h"

enum { NO_NAMESPACE = 98 }; /* an exit status: not possible on this machine */

static bool lies_on(dev_t devno, dev_t disk)
{
	bool lies = false;

	assert_int_equal(device_lies_on(root, devno, disk, &lies), 0);
	return lies;
}

static void layers_lie_on_disks(void **state)
{
	dev_t sda = add_stick("sda", 0), sdb = add_stick("sdb", 16);
	dev_t md = add_disk("md0", 9, 0), dm = add_disk("dm-0", 254, 0);
	dev_t loop = add_disk("loop0", 7, 0);
	bool lies;

	(void)state;
	add_slave("md0", "sda/sda2", "sda2");
	add_slave("md0", "sdb/sdb2", "sdb2");
	add_slave("dm-0", "md0", "md0");
	put_text(at("sys/devices/pci/block/loop0/loop/backing_file"), "/dev/sdb3\n");
	assert_true(lies_on(sda, sda));
	assert_true(lies_on(makedev(8, 1), sda));
	assert_true(lies_on(dm, sda));
	assert_true(lies_on(dm, sdb));
	assert_true(lies_on(dm, md));
	assert_true(lies_on(loop, sdb));
	assert_false(lies_on(loop, sda));
	assert_false(lies_on(sda, sdb));
	assert_false(lies_on(md, dm));
	assert_false(lies_on(makedev(0, 40), sda));
	put_text(at("sys/devices/pci/block/loop0/loop/backing_file"), "/srv/dev/sdb3\n");
	assert_false(lies_on(loop, sdb));
	add_slave("md0", "dm-0", "dm-0");
	assert_int_equal(device_lies_on(root, dm, makedev(1, 1), &lies), -ELOOP);
}

static void the_holder_of_a_disk_is_named(void **state)
{
	dev_t sda = add_stick("sda", 0), sdb = add_stick("sdb", 16);
	char *name = NULL;

	(void)state;
	at("sys/devices/pci/block/sda/holders/");
	at("sys/devices/pci/block/sda/sda2/holders/");
	assert_int_equal(device_holder(root, sda, &name), -ENOENT);
	at("sys/devices/pci/block/sda/sda2/holders/dm-3/");
	assert_int_equal(device_holder(root, sda, &name), 0);
	assert_string_equal(name, "dm-3");
	free(name);
	assert_int_equal(device_holder(root, sdb, &name), -ENOENT);
	at("sys/devices/pci/block/sdb/holders/md0/");
	assert_int_equal(device_holder(root, sdb, &name), 0);
	assert_string_equal(name, "md0");
	free(name);
}

static void a_file_leads_to_its_loop_device(void **state)
{
	char image[128], line[130], name[HOST_LOOP_TEXT] = "";
	struct stat st;

	(void)state;
	snprintf(image, sizeof(image), "%s", at("image"));
	snprintf(line, sizeof(line), "%s\n", image);
	put_text(image, "");
	assert_int_equal(stat(image, &st), 0);
	assert_false(host_find_loop(&host, st.st_dev, st.st_ino, name));
	put_text(at("sys/class/block/loop6/loop/backing_file"), "/no/such/file\n");
	put_text(at("sys/class/block/loop7/loop/backing_file"), line);
	assert_true(host_find_loop(&host, st.st_dev, st.st_ino, name));
	assert_string_equal(name, "loop7");
	assert_false(host_find_loop(&host, st.st_dev, st.st_ino + 1, name));
}

static void partitions_and_disks_lead_to_each_other(void **state)
{
	dev_t stick, other, partition;
	unsigned int number = 0;
	char *path = NULL;

	(void)state;
	stick = add_stick("sdb", 16);
	other = add_disk("mmcblk0", 179, 0);
	partition = add_partition("mmcblk0", "mmcblk0p2", 2, makedev(259, 9));
	assert_int_equal(host_partition_node(&host, stick, 2, &path), 0);
	assert_string_equal(path, at("dev/sdb2"));
	free(path);
	assert_int_equal(host_partition_node(&host, other, 2, &path), 0);
	assert_string_equal(path, at("dev/mmcblk0p2"));
	free(path);
	assert_int_equal(host_partition_node(&host, stick, 9, &path), -ENOENT);
	assert_int_equal(host_partition_node(&host, makedev(1, 1), 1, &path), -ENOENT);
	/* A partition has no partitions, though it has a number. */
	assert_int_equal(host_partition_node(&host, makedev(8, 17), 1, &path), -ENOENT);

	assert_int_equal(host_partition_disk(&host, partition, &path, &number), 0);
	assert_string_equal(path, at("dev/mmcblk0"));
	assert_int_equal(number, 2);
	free(path);
	number = 5;
	assert_int_equal(host_partition_disk(&host, stick, &path, &number), -ENOENT);
	assert_int_equal(number, 5);
}

static void nodes_are_found_by_any_name(void **state)
{
	dev_t devno = 0;

	(void)state;
	add_disk("cciss!c0d0", 104, 0);
	put_text(at("dev/cciss/c0d0"), "");
	assert_int_equal(device_find(root, "/dev/cciss/c0d0", &devno), 0);
	assert_int_equal(devno, makedev(104, 0));
	put_text(at("outside"), "");
	symlink("../outside", at("dev/link"));
	assert_int_equal(device_find(root, "/dev/link", &devno), -ENOENT);
	assert_int_equal(device_find(root, "/dev/", &devno), -ENOENT);
	assert_int_equal(device_find(root, "/dev/none", &devno), -ENOENT);
}

static enum host_mount mount_state(const char *lines)
{
	enum host_mount mount = 99;

	set_mounts(lines);
	assert_int_equal(host_mount_state(&host, makedev(8, 16), 2, &mount), 0);
	return mount;
}

static void the_strongest_mount_counts(void **state)
{
	enum host_mount mount;

	(void)state;
	add_stick("sdb", 16);
	assert_int_equal(mount_state("1 2 8:17 / /mnt rw - ext4 /dev/sdb1 rw\n"), HOST_NOT_MOUNTED);
	assert_int_equal(
		mount_state("1 2 8:18 / /media/a\\040b ro,nosuid - iso9660 /dev/sdb2 ro,rwx\n"),
		HOST_MOUNTED_RO);
	assert_int_equal(mount_state("1 2 8:18 / /a rw,nosuid shared:1 - ext4 /dev/sdb2 rw\n"
				     "1 2 8:18 / /b ro,nosuid - ext4 /dev/sdb2 ro\n"),
		HOST_MOUNTED_RW);
	assert_int_equal(
		mount_state("1 2 8:18 / /b ro,bind master:2 - ext4 /dev/sdb2 noatime,rw\n"),
		HOST_MOUNTED_RW);
	assert_int_equal(mount_state("1 2 8:18 / /b ro -  iso9660  ro\n"), HOST_MOUNTED_RO);
	/* Not the partition, the device itself: /dev/mapper/NAME. */
	set_mounts("1 2 8:18 / /a rw - ext4 /dev/sdb2 rw\n"
		   "1 2 253:3 / /b ro - iso9660 /dev/dm-3 ro\n");
	assert_int_equal(host_mount_state(&host, makedev(8, 16), 0, &mount), 0);
	assert_int_equal(mount, HOST_NOT_MOUNTED);
	assert_int_equal(host_mount_state(&host, makedev(253, 3), 0, &mount), 0);
	assert_int_equal(mount, HOST_MOUNTED_RO);
	assert_int_equal(host_mount_state(&host, makedev(8, 18), 0, &mount), 0);
	assert_int_equal(mount, HOST_MOUNTED_RW);
	/* A partition unknown to the kernel is not mounted. */
	assert_int_equal(host_mount_state(&host, makedev(8, 16), 7, &mount), 0);
	assert_int_equal(mount, HOST_NOT_MOUNTED);
}

/* Mount something at that place below the root; returns its device number. */
static dev_t mount_at(const char *target)
{
	struct stat st;

	if (mount("none", at("%s/", target), "tmpfs", 0, "size=64k") < 0 ||
		stat(at("%s/", target), &st) < 0)
		_exit(99);
	return st.st_dev;
}

/* Fork; the child, which gets 0, has a mount namespace of its own, and leaves by _exit(). */
static pid_t fork_apart(void)
{
	pid_t pid = fork();

	if (pid == 0 && ((unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) ||
				mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0))
		_exit(NO_NAMESPACE);
	return pid;
}

/* The child's exit status; what it created below the root is gone then. */
static int wait_apart(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == NO_NAMESPACE)
		skip();
	tear_down(NULL);
	assert_int_equal(mkdir(root, 0700), 0);
	return WEXITSTATUS(status);
}

/*
 * In a mount namespace of its own: a tmpfs stands for partition 2 of sdb, by its device number.
 * The child's exit status: what host_unmount() returned.
 */
static int unmount_in_child(bool is_busy, bool is_hidden, bool is_twice, bool is_alone)
{
	pid_t pid = fork_apart();

	if (pid == 0) {
		char lines[512];
		dev_t devno;
		int r;

		add_disk("sdb", 8, 16);
		devno = mount_at("media/a stick");
		if (is_twice &&
			mount(at("media/a stick"), at("media/again/"), NULL, MS_BIND, NULL) < 0)
			_exit(99);
		add_partition("sdb", "sdb2", 2, devno);
		snprintf(lines, sizeof(lines),
			"50 28 %u:%u / /media/a\\040stick ro - iso9660 /dev/sdb2 ro\n",
			major(devno), minor(devno));
		if (is_twice)
			snprintf(lines + strlen(lines), sizeof(lines) - strlen(lines),
				"51 28 %u:%u / /media/again ro - iso9660 /dev/sdb2 ro\n",
				major(devno), minor(devno));
		set_mounts(lines);
		if (is_hidden)
			mount_at("media/a stick");
		if (is_busy && chdir(at("media/a stick/")) < 0)
			_exit(99);
		r = is_alone ? host_unmount(&host, devno, 0)
			     : host_unmount(&host, makedev(8, 16), 2);
		if (r < 0 && !strstr(told, "media/a stick: "))
			_exit(97);
		/* Once it is gone, the folder is that of the root again. */
		if (r == 0) {
			struct stat st, parent;

			if (stat(at("media/a stick"), &st) < 0 || stat(at("media"), &parent) < 0 ||
				st.st_dev != parent.st_dev ||
				(is_twice && (stat(at("media/again"), &st) < 0 ||
						     st.st_dev != parent.st_dev)))
				_exit(96);
		}
		_exit(-r);
	}
	return wait_apart(pid);
}

static void every_mount_is_undone(void **state)
{
	(void)state;
	assert_int_equal(unmount_in_child(false, false, false, false), 0);
	assert_int_equal(unmount_in_child(false, false, true, false), 0);
	assert_int_equal(unmount_in_child(false, false, true, true), 0);
}

static void a_mount_in_use_is_reported(void **state)
{
	(void)state;
	assert_int_equal(
		unmount_in_child(true, false, false, false), ERR_BUSY & 0xff); /* an exit status */
}

static void a_hidden_mount_is_reported(void **state)
{
	(void)state;
	assert_int_equal(
		unmount_in_child(false, true, false, false), ERR_BUSY & 0xff); /* an exit status */
}

/*
 * Partition 3 of sdb is mounted twice, first read-only; in a mount namespace of its own, as above.
 * Does host_mount_point() give @expected?
 */
static bool finds_point(bool is_hidden, const char *expected, bool expected_writable)
{
	pid_t pid = fork_apart();

	if (pid == 0) {
		bool is_writable = !expected_writable;
		char lines[512], *path = NULL;
		dev_t devno;

		add_disk("sdb", 8, 16);
		devno = mount_at("media/first");
		if (mount(at("media/first"), at("boot/second/"), NULL, MS_BIND, NULL) < 0)
			_exit(99);
		add_partition("sdb", "sdb3", 3, devno);
		snprintf(lines, sizeof(lines),
			"50 28 %u:%u / /media/first ro - vfat /dev/sdb3 ro\n"
			"51 28 %u:%u / /boot/second rw - vfat /dev/sdb3 rw\n"
			"52 28 0:99 / /media/other rw - tmpfs tmpfs rw\n",
			major(devno), minor(devno), major(devno), minor(devno));
		set_mounts(lines);
		if (is_hidden)
			mount_at("boot/second");
		if (host_mount_point(&host, makedev(8, 16), 3, &is_writable, &path) < 0)
			_exit(97);
		_exit(strcmp(path, at("%s", expected)) != 0 || is_writable != expected_writable);
	}
	return wait_apart(pid) == 0;
}

static void a_writable_mount_is_found(void **state)
{
	char *path = NULL;
	bool is_writable;

	(void)state;
	assert_true(finds_point(false, "boot/second", true));
	assert_true(finds_point(true, "media/first", false));
	set_mounts("");
	add_stick("sdb", 16);
	assert_int_equal(host_mount_point(&host, makedev(8, 16), 3, &is_writable, &path), -ENOENT);
	assert_int_equal(host_mount_point(&host, makedev(8, 16), 7, &is_writable, &path), -ENOENT);
	/* What is at the mount point is not that device: another mount hides it. */
	at("media/gone/");
	set_mounts("50 28 8:19 / /media/gone rw - vfat /dev/sdb3 rw\n");
	assert_int_equal(host_mount_point(&host, makedev(8, 16), 3, &is_writable, &path), -ENOENT);
	assert_null(path);
}

static void nothing_mounted_is_not_an_error(void **state)
{
	(void)state;
	add_stick("sdb", 16);
	assert_int_equal(host_unmount(&host, makedev(8, 16), 2), 0);
	assert_int_equal(host_unmount(&host, makedev(8, 16), 7), 0);
}

static void the_command_line_tells_how_it_was_booted(void **state)
{
	static const struct {
		const char *line;
		enum host_boot boot;
	} cases[] = {
		{"", HOST_BOOT_OTHER},
		{"root=/dev/sda1 liveng-fallback\n", HOST_BOOT_OTHER},
		{"boot=live persistence\n", HOST_BOOT_STANDARD},
		{"boot=live liveng.boot=previous\n", HOST_BOOT_PREVIOUS},
		{"boot=live\tliveng-fallback", HOST_BOOT_FALLBACK},
		{"liveng.boot=previous boot=live liveng-fallback \n", HOST_BOOT_FALLBACK},
		{"boot=live xliveng-fallback liveng-fallback2 liveng.boot=previously",
			HOST_BOOT_STANDARD},
		{"boot=live hostname=\"a liveng-fallback b\" quiet\n", HOST_BOOT_STANDARD},
		{"xboot=live boot=lived\n", HOST_BOOT_OTHER},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		enum host_boot boot = 99;

		set_command_line(cases[i].line);
		assert_int_equal(host_boot(&host, &boot), 0);
		assert_int_equal(boot, cases[i].boot);
	}
	unlink(at("proc/cmdline"));
	enum host_boot boot = 99;
	assert_int_equal(host_boot(&host, &boot), -ENOENT);
	assert_int_equal(boot, 99);
}

static void set_variable(const char *name, const char value[5], size_t size)
{
	put(at("sys/firmware/efi/efivars/%s-8be4df61-93ca-11d2-aa0d-00e098032b8c", name), value,
		size);
}

static void secure_boot_depends_on_two_variables(void **state)
{
	(void)state;
	assert_false(host_enforces_secure_boot(&host)); /* BIOS */
	set_variable("SecureBoot", "\6\0\0\0\1", 5);
	assert_true(host_enforces_secure_boot(&host));
	set_variable("SetupMode", "\6\0\0\0\0", 5);
	assert_true(host_enforces_secure_boot(&host));
	set_variable("SetupMode", "\6\0\0\0\1", 5);
	assert_false(host_enforces_secure_boot(&host));
	set_variable("SetupMode", "\6\0\0\0\0", 5);
	set_variable("SecureBoot", "\6\0\0\0\0", 5);
	assert_false(host_enforces_secure_boot(&host));
	set_variable("SecureBoot", "\6\0\0\0", 4);
	assert_false(host_enforces_secure_boot(&host));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(layers_lie_on_disks),
		TEST(the_holder_of_a_disk_is_named),
		TEST(a_file_leads_to_its_loop_device),
		TEST(partitions_and_disks_lead_to_each_other),
		TEST(nodes_are_found_by_any_name),
		TEST(the_strongest_mount_counts),
		TEST(every_mount_is_undone),
		TEST(a_mount_in_use_is_reported),
		TEST(a_hidden_mount_is_reported),
		TEST(a_writable_mount_is_found),
		TEST(nothing_mounted_is_not_an_error),
		TEST(the_command_line_tells_how_it_was_booted),
		TEST(secure_boot_depends_on_two_variables),
	};

	return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
