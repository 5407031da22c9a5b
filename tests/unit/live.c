/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "machine/live.h"

#include "machine.h"

#define UUID "0f3c7b52-9a1d-4a53-8a9f-0d3f6f6f2c01"

static void assert_stick(const char *node)
{
	char expected[64];
	char *path = NULL;

	assert_int_equal(live_find_stick(&host, &path), 0);
	snprintf(expected, sizeof(expected), "%s/dev/%s", root, node);
	assert_string_equal(path, expected);
	assert_string_equal(told, "");
	free(path);
}

/* Fails with that error, and the message names these. */
static void assert_error(int error, const char *one, const char *other)
{
	char *path = NULL;

	assert_int_equal(live_find_stick(&host, &path), error);
	assert_null(path);
	assert_non_null(strstr(told, one));
	assert_non_null(strstr(told, other));
	assert_non_null(strstr(told, "--disk"));
	told[0] = '\0';
}

static void assert_no_stick(const char *one, const char *other)
{
	assert_error(-ERR_NOT_STICK, one, other);
}

/* Two, and nothing decides between them. */
static void assert_doubt(const char *one, const char *other)
{
	assert_error(-ERR_REFUSED, one, other);
}

static void the_live_medium_decides(void **state)
{
	(void)state;
	add_stick("sda", 0);
	add_stick("sdb", 16);
	set_mounts("40 28 8:17 / /run/live/medium ro,noatime - iso9660 /dev/sdb1 ro\n"
		   "41 28 7:0 / /run/live/rootfs/filesystem.squashfs ro - squashfs /dev/loop0 ro\n"
		   "42 28 8:4 / /run/live/persistence/sda4 rw - ext4 /dev/sda4 rw\n");
	assert_stick("sdb");
	set_mounts("40 28 8:17 / /lib/live/mount/medium ro,noatime - iso9660 /dev/sdb1 ro\n");
	assert_stick("sdb");
	/* Moved to another place since: what is mounted over it counts. */
	set_mounts("40 28 8:17 / /run/live/medium ro - iso9660 /dev/sdb1 ro\n"
		   "43 28 8:1 / /run/live/medium ro - iso9660 /dev/sda1 ro\n");
	assert_stick("sda");
}

static void names_need_no_pattern(void **state)
{
	(void)state;
	add_disk("nvme0n1", 259, 0);
	add_partition("nvme0n1", "nvme0n1p1", 1, makedev(259, 1));
	add_disk("mmcblk0", 179, 0);
	add_partition("mmcblk0", "mmcblk0p1", 1, makedev(179, 1));
	set_mounts("40 28 259:1 / /run/live/medium ro - iso9660 /dev/nvme0n1p1 ro\n");
	assert_stick("nvme0n1");
	set_mounts("40 28 179:1 / /run/live/medium ro - iso9660 /dev/mmcblk0p1 ro\n");
	assert_stick("mmcblk0");
}

static void with_toram_the_persistence_decides(void **state)
{
	(void)state;
	add_stick("sda", 0);
	add_stick("sdb", 16);
	add_disk("loop0", 7, 0);
	add_disk("loop1", 7, 1);
	set_mounts("40 28 0:30 / /run/live/medium rw - tmpfs tmpfs rw\n"
		   "41 28 7:0 / /run/live/rootfs/filesystem.squashfs ro - squashfs /dev/loop0 ro\n"
		   "42 28 8:20 / /run/live/persistence/sdb4 rw - ext4 /dev/sdb4 rw\n"
		   "43 28 7:1 / /run/live/persistence/loop1 rw - ext4 /dev/loop1 rw\n"
		   "44 28 8:1 / /run/live/persistence2/sda1 rw - ext4 /dev/sda1 rw\n");
	assert_stick("sdb");
	/* Two on one stick are not ambiguous. */
	set_mounts("41 28 8:19 / /run/live/persistence/sdb3 rw - ext4 /dev/sdb3 rw\n"
		   "42 28 8:20 / /run/live/persistence/sdb4 rw - ext4 /dev/sdb4 rw\n");
	assert_stick("sdb");
	set_mounts("40 28 7:0 / /run/live/medium ro - iso9660 /dev/loop0 ro\n"
		   "42 28 8:20 / /lib/live/mount/persistence/sdb4 rw - ext4 /dev/sdb4 rw\n");
	assert_stick("sdb");
}

static void luks_leads_to_its_partition(void **state)
{
	(void)state;
	add_stick("sdb", 16);
	add_disk("dm-0", 254, 0);
	add_slave("dm-0", "sdb/sdb4", "sdb4");
	add_disk("dm-1", 254, 1);
	add_slave("dm-1", "dm-0", "dm-0");
	set_mounts("42 28 254:0 / /run/live/persistence/dm-0 rw - ext4 /dev/mapper/sdb4 rw\n");
	assert_stick("sdb");
	set_mounts("42 28 254:1 / /run/live/persistence/dm-1 rw - ext4 /dev/mapper/lvm rw\n");
	assert_stick("sdb");
	/* btrfs has its own device number. */
	symlink("../dm-0", at("dev/mapper/sdb4"));
	set_mounts("42 28 0:55 / /run/live/persistence/x rw - btrfs /dev/mapper/sdb4 rw\n");
	assert_stick("sdb");
}

static void endless_layers_are_reported(void **state)
{
	char *path = NULL;

	(void)state;
	add_disk("dm-0", 254, 0);
	add_disk("dm-1", 254, 1);
	add_slave("dm-0", "dm-1", "dm-1");
	add_slave("dm-1", "dm-0", "dm-0");
	set_mounts("42 28 254:0 / /run/live/persistence/dm-0 rw - ext4 /dev/mapper/x rw\n");
	assert_int_equal(live_find_stick(&host, &path), -ELOOP);
	assert_non_null(strstr(told, "/run/live/persistence/dm-0"));
}

static void several_disks_beneath_are_ambiguous(void **state)
{
	(void)state;
	add_stick("sda", 0);
	add_stick("sdb", 16);
	add_disk("dm-0", 254, 0);
	add_slave("dm-0", "sdb/sdb4", "sdb4");
	add_slave("dm-0", "sda/sda4", "sda4");
	set_mounts("42 28 254:0 / /run/live/persistence/dm-0 rw - ext4 /dev/mapper/x rw\n");
	assert_doubt("/dev/sda", "/dev/sdb");
}

static void of_two_sticks_neither_is_guessed(void **state)
{
	(void)state;
	add_stick("sda", 0);
	add_stick("sdb", 16);
	set_mounts("40 28 0:30 / /run/live/medium rw - tmpfs tmpfs rw\n"
		   "42 28 8:4 / /run/live/persistence/sda4 rw - ext4 /dev/sda4 rw\n"
		   "43 28 8:20 / /run/live/persistence/sdb4 rw - ext4 /dev/sdb4 rw\n");
	assert_doubt("/dev/sda ", "/dev/sdb:");

	/* The kernel command line decides, if the named partition exists. */
	set_command_line("boot=live live-media=/dev/disk/by-partuuid/" UUID " toram\n");
	assert_doubt("/dev/sda ", "/dev/sdb:");
	symlink("../../sdb1", at("dev/disk/by-partuuid/" UUID));
	assert_stick("sdb");
	/* The last one counts, other ways to name it and other words do not. */
	set_command_line("boot=live live-media=/dev/disk/by-partuuid/" UUID
			 " live-media=/dev/disk/by-partuuid/00");
	assert_doubt("/dev/sda ", "/dev/sdb:");
	set_command_line("live-media=/dev/sdb1 x=\" live-media=/dev/disk/by-partuuid/" UUID "\"");
	assert_doubt("/dev/sda ", "/dev/sdb:");
}

static void persistence_elsewhere_is_not_a_stick(void **state)
{
	(void)state;
	add_stick("sda", 0);
	add_stick("sdb", 16);
	symlink("../../sdb1", at("dev/disk/by-partuuid/" UUID));
	set_command_line("boot=live toram live-media=/dev/disk/by-partuuid/" UUID "\n");
	set_mounts("42 28 8:4 / /run/live/persistence/sda4 rw - ext4 /dev/sda4 rw\n");
	assert_doubt("/dev/sda ", "/dev/sdb:");
	/* But a mounted medium is beyond doubt. */
	set_mounts("42 28 8:1 / /run/live/medium ro - iso9660 /dev/sda1 ro\n");
	assert_stick("sda");
	/* toram without persistence */
	set_mounts("40 28 0:30 / /run/live/medium rw - tmpfs tmpfs rw\n");
	assert_stick("sdb");
}

/* Partition 1 of sda and sdb, one a copy of the other; udev's link leads to that of sdb. */
static void add_copies(void)
{
	add_stick("sda", 0);
	add_stick("sdb", 16);
	symlink("../../sdb1", at("dev/disk/by-partuuid/" UUID));
	for (unsigned int minor_number = 1; minor_number <= 17; minor_number += 16)
		put_text(at("run/udev/data/b8:%u", minor_number),
			"S:disk/by-partuuid/" UUID "\nE:ID_PART_ENTRY_UUID=" UUID "\n");
	put_text(at("run/udev/data/b8:2"), "E:ID_PART_ENTRY_UUID=" UUID "0\n");
	put_text(at("run/udev/data/c1:3"), "E:ID_PART_ENTRY_UUID=" UUID "\n");
	set_command_line("boot=live toram live-media=/dev/disk/by-partuuid/" UUID "\n");
}

static void of_two_copies_neither_is_guessed(void **state)
{
	(void)state;
	add_copies();
	set_mounts("40 28 0:30 / /run/live/medium rw - tmpfs tmpfs rw\n");
	assert_doubt("/dev/sda", "/dev/sdb");
	/* Nor if the persistence of one or of both is in use: that does not show which was
	 * booted. */
	set_mounts("42 28 8:20 / /run/live/persistence/sdb4 rw - ext4 /dev/sdb4 rw\n");
	assert_doubt("/dev/sda", "/dev/sdb");
	set_mounts("42 28 8:4 / /run/live/persistence/sda4 rw - ext4 /dev/sda4 rw\n"
		   "43 28 8:20 / /run/live/persistence/sdb4 rw - ext4 /dev/sdb4 rw\n");
	assert_doubt("/dev/sda", "/dev/sdb");
	/* A mounted medium distinguishes them, wherever the symlink leads. */
	set_mounts("40 28 8:1 / /run/live/medium ro - iso9660 /dev/sda1 ro\n");
	assert_stick("sda");
	/* One that was unplugged is not a copy. */
	set_mounts("");
	unlink(at("run/udev/data/b8:1"));
	assert_stick("sdb");
}

static void copies_may_be_what_a_live_system_needs(void **state)
{
	struct device_disks disks = {0};

	(void)state;
	add_copies();
	assert_int_equal(live_disks(&host, &disks), 0);
	assert_int_equal(disks.n, 2);
	/* Not the one that it does not run from. */
	set_mounts("40 28 8:1 / /run/live/medium ro - iso9660 /dev/sda1 ro\n");
	assert_int_equal(live_disks(&host, &disks), 0);
	assert_int_equal(disks.n, 1);
	assert_int_equal(disks.list[0], makedev(8, 0));
}

static void all_disks_of_a_live_system_are_found(void **state)
{
	struct device_disks disks = {0};

	(void)state;
	assert_int_equal(live_disks(&host, &disks), 0);
	assert_int_equal(disks.n, 0);
	add_stick("sda", 0);
	add_stick("sdb", 16);
	add_stick("sdc", 32);
	symlink("../../sdc1", at("dev/disk/by-partuuid/" UUID));
	set_command_line("boot=live toram live-media=/dev/disk/by-partuuid/" UUID "\n");
	set_mounts("40 28 8:1 / /run/live/medium ro - iso9660 /dev/sda1 ro\n"
		   "42 28 8:20 / /run/live/persistence/sdb4 rw - ext4 /dev/sdb4 rw\n");
	assert_int_equal(live_disks(&host, &disks), 0);
	assert_int_equal(disks.n, 3);
	assert_int_equal(disks.list[0], makedev(8, 0));
	assert_int_equal(disks.list[1], makedev(8, 16));
	assert_int_equal(disks.list[2], makedev(8, 32));
}

static void an_installed_system_does_not_run_from_a_stick(void **state)
{
	(void)state;
	add_stick("sda", 0);
	set_mounts("40 28 8:2 / /home rw - ext4 /dev/sda2 rw\n");
	assert_no_stick("no stick", "name the stick");
}

static void a_partition_attached_by_a_loop_device_has_a_disk(void **state)
{
	(void)state;
	add_disk("loop3", 7, 3);
	add_partition("loop3", "loop3p1", 1, makedev(259, 7));
	set_mounts("40 28 259:7 / /run/live/medium ro - iso9660 /dev/loop3p1 ro\n");
	assert_stick("loop3");
}

static void a_broken_table_is_reported(void **state)
{
	static const char *const lines[] = {"x\n", "40 28 8:1 / /mnt\n",
		"40 28 8:1 / /mnt rw shared:1\n", "40 28 8 / /mnt rw - ext4 /dev/sda1 rw\n",
		"40 28 8:1 / /mnt rw - ext4\n", "\n"};
	char *path = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		set_mounts(lines[i]);
		assert_int_equal(live_find_stick(&host, &path), -ERR_DAMAGED);
		assert_non_null(strstr(told, "mountinfo"));
	}
	unlink(at("proc/self/mountinfo"));
	assert_int_equal(live_find_stick(&host, &path), -ENOENT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_live_medium_decides),
		TEST(names_need_no_pattern),
		TEST(with_toram_the_persistence_decides),
		TEST(luks_leads_to_its_partition),
		TEST(endless_layers_are_reported),
		TEST(several_disks_beneath_are_ambiguous),
		TEST(of_two_sticks_neither_is_guessed),
		TEST(persistence_elsewhere_is_not_a_stick),
		TEST(of_two_copies_neither_is_guessed),
		TEST(copies_may_be_what_a_live_system_needs),
		TEST(all_disks_of_a_live_system_are_found),
		TEST(an_installed_system_does_not_run_from_a_stick),
		TEST(a_partition_attached_by_a_loop_device_has_a_disk),
		TEST(a_broken_table_is_reported),
	};

	return cmocka_run_group_tests_name("running", tests, NULL, NULL);
}
