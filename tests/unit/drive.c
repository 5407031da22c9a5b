/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "machine.h"

#include "base/size.h"
#include "target/contents.h"
#include "target/drive.h"
#include "target/refusal.h"

#define USB  "pci0000:00/0000:00:14.0/usb2/2-1"
#define SCSI "2-1:1.0/host6/target6:0:0/6:0:0:0/"

static const struct drive_rules no_rules = {0};

/* An attribute of a disk, by its folder below /sys/devices. */
static void set(const char *folder, const char *name, const char *value)
{
	put_text(at("sys/devices/%s/%s", folder, name), value);
}

static dev_t add(
	const char *folder, const char *name, unsigned int minor_number, const char *sectors)
{
	dev_t devno = makedev(8, minor_number);

	add_device(folder, name, devno);
	set(folder, "size", sectors);
	set(folder, "ro", "0\n");
	set(folder, "removable", "0\n");
	return devno;
}

/* A stick as seen on a desktop machine; 30.8 GB. */
static dev_t add_usb_stick(void)
{
	static const char folder[] = USB "/" SCSI "block/sdb";
	dev_t devno = add(folder, "sdb", 16, "60062500\n");

	set(folder, "removable", "1\n");
	set(folder, "diskseq", "12\n");
	set(folder, "device/vendor", "SanDisk \n");
	set(folder, "device/model", "Ultra  Fit      \n");
	put(at("sys/devices/%s/device/vpd_pg80", folder), "\0\x80\0\4 777", 8);
	set(USB, "idVendor", "0781\n");
	set(USB, "serial", "4C530001\n");
	add_device(USB "/" SCSI "block/sdb/sdb1", "sdb1", makedev(8, 17));
	set(USB "/" SCSI "block/sdb/sdb1", "partition", "1\n");
	set(USB "/" SCSI "block/sdb/sdb1", "size", "60060452\n");
	return devno;
}

static struct drive read_drive(dev_t devno)
{
	struct drive drive;

	assert_int_equal(drive_read(&host, devno, &drive), 0);
	return drive;
}

static void a_stick_is_described(void **state)
{
	struct drive drive = read_drive(add_usb_stick());
	char text[256], expected[256];

	(void)state;
	assert_string_equal(drive.node, at("dev/sdb"));
	assert_string_equal(drive.model, "SanDisk Ultra Fit");
	assert_string_equal(drive.serial, "4C530001");
	assert_string_equal(drive.bus, "usb");
	assert_int_equal(drive.size, 60062500ull * 512);
	assert_int_equal(drive.diskseq, 12);
	assert_true(drive.is_removable);
	assert_false(drive.is_read_only);
	drive_describe(&drive, text, sizeof(text));
	snprintf(expected, sizeof(expected), "%s: SanDisk Ultra Fit, 30.8 GB, usb, serial 4C530001",
		at("dev/sdb"));
	assert_string_equal(text, expected);
	assert_string_equal(drive_name(&drive), "SanDisk Ultra Fit");
}

static void other_kinds_tell_in_other_places(void **state)
{
	static const char nvme[] = "pci0000:00/0000:00:1d.0/nvme/nvme0/nvme0n1";
	static const char paths[] = "virtual/nvme-subsystem/nvme-subsys0/nvme1n1";
	static const char card[] = "platform/soc/mmc_host/mmc0/mmc0:aaaa/block/mmcblk0";
	static const char ata[] =
		"pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0/block/sda";
	static const char virtio[] = "pci0000:00/0000:00:02.0/virtio1/block/vda";
	struct drive drive;

	(void)state;
	add(nvme, "nvme0n1", 1, "1000\n");
	set(nvme, "device/model", "Samsung SSD 980\n");
	set(nvme, "device/serial", "S64DNX\n");
	drive = read_drive(makedev(8, 1));
	assert_string_equal(drive.bus, "nvme");
	assert_string_equal(drive.model, "Samsung SSD 980");
	assert_string_equal(drive.serial, "S64DNX");
	assert_false(drive.is_removable);

	add(paths, "nvme1n1", 2, "1000\n");
	assert_string_equal(read_drive(makedev(8, 2)).bus, "nvme");

	add(card, "mmcblk0", 3, "1000\n");
	set(card, "device/name", "SC32G\n");
	set(card, "device/serial", "0x1b2c3d4e\n");
	set(card, "device/type", "SD\n");
	drive = read_drive(makedev(8, 3));
	assert_string_equal(drive.bus, "mmc");
	assert_string_equal(drive.model, "SC32G");
	assert_string_equal(drive.serial, "0x1b2c3d4e");
	assert_true(drive.is_removable);
	set(card, "device/type", "MMC\n");
	assert_false(read_drive(makedev(8, 3)).is_removable);

	add(ata, "sda", 4, "1000\n");
	set(ata, "device/vendor", "ATA     \n");
	set(ata, "device/model", "WDC WD10EZEX-08W\n");
	put(at("sys/devices/%s/device/vpd_pg80", ata), "\0\x80\0\x14     WD-WCC6Y4", 18);
	drive = read_drive(makedev(8, 4));
	assert_string_equal(drive.bus, "ata");
	assert_string_equal(drive.model, "WDC WD10EZEX-08W");
	assert_string_equal(drive.serial, "WD-WCC6Y4");

	add(virtio, "vda", 5, "1000\n");
	set(virtio, "device/vendor", "0x1af4\n");
	set(virtio, "ro", "1\n");
	put_text(at("run/udev/data/b8:5"), "S:disk/by-id/virtio-x\nE:ID_SERIAL=a_b\n"
					   "E:ID_SERIAL_SHORT=b\n");
	drive = read_drive(makedev(8, 5));
	assert_string_equal(drive.bus, "virtio");
	assert_string_equal(drive.model, "");
	assert_string_equal(drive.serial, "b");
	assert_string_equal(drive_name(&drive), drive.node);
	assert_true(drive.is_read_only);
	set(virtio, "serial", "kernel's\n");
	assert_string_equal(read_drive(makedev(8, 5)).serial, "kernel's");
}

static void a_vendor_is_named_once(void **state)
{
	dev_t devno = add_usb_stick();

	(void)state;
	set(USB "/" SCSI "block/sdb", "device/model", "SanDisk Ultra\n");
	assert_string_equal(read_drive(devno).model, "SanDisk Ultra");
}

static void no_escapes_reach_the_terminal(void **state)
{
	dev_t devno = add_usb_stick();

	(void)state;
	set(USB "/" SCSI "block/sdb", "device/model", "\033[2J\x9b\ta\x7f\n");
	set(USB, "serial", "\033]0;x\a\n");
	assert_string_equal(read_drive(devno).model, "SanDisk ?[2J? a?");
	assert_string_equal(read_drive(devno).serial, "?]0;x?");
}

static void a_different_medium_is_a_different_drive(void **state)
{
	dev_t devno = add_usb_stick();
	struct drive before = read_drive(devno), after;

	(void)state;
	after = read_drive(devno);
	assert_true(drive_is_same(&before, &after));
	set(USB "/" SCSI "block/sdb", "diskseq", "13\n");
	after = read_drive(devno);
	assert_false(drive_is_same(&before, &after));
	after = before;
	after.size--;
	assert_false(drive_is_same(&before, &after));
	after = before;
	after.serial[0] = 'X';
	assert_false(drive_is_same(&before, &after));
}

static void only_whole_real_disks_are_listed(void **state)
{
	static const char emmc[] = "platform/soc/mmc_host/mmc1/mmc1:1/block/mmcblk1";
	struct drive *drives = NULL;
	size_t n = 0;

	(void)state;
	add("pci/ata1/host0/block/sda10", "sda10", 10, "1000\n");
	add("pci/ata1/host0/block/sda9", "sda9", 9, "1000\n");
	add_usb_stick();
	add(emmc, "mmcblk1", 20, "1000\n");
	add("platform/soc/mmc_host/mmc1/mmc1:1/block/mmcblk1/mmcblk1boot0", "mmcblk1boot0", 21,
		"8\n");
	/* The controller has its own number. */
	add("pci/nvme/nvme0/nvme0n1", "nvme0n1", 22, "1000\n");
	set("pci/nvme/nvme0", "dev", "241:0\n");
	add("virtual/block/loop0", "loop0", 30, "1000\n");
	add("virtual/block/dm-0", "dm-0", 31, "1000\n");
	add_device("pci/ata2/host1/block/sr0", "sr0", makedev(11, 0));
	/* One of several paths to a disk has no number. */
	set("pci/nvme/nvme0/nvme0c0n1", "size", "1000\n");
	symlink("../../devices/pci/nvme/nvme0/nvme0c0n1", at("sys/class/block/nvme0c0n1"));
	assert_int_equal(drives_list(&host, &drives, &n), 0);
	assert_int_equal(n, 5);
	assert_string_equal(drives[0].node, at("dev/mmcblk1"));
	assert_string_equal(drives[1].node, at("dev/nvme0n1"));
	assert_string_equal(drives[2].node, at("dev/sda9"));
	assert_string_equal(drives[3].node, at("dev/sda10"));
	assert_string_equal(drives[4].node, at("dev/sdb"));
	free(drives);
}

static void contents_are_read_from_udev(void **state)
{
	dev_t devno = add_usb_stick();
	struct contents contents;
	char text[128];

	(void)state;
	assert_int_equal(contents_read_udev(&host, devno, &contents), -ENOENT);
	put_text(at("run/udev/data/b8:16"), "E:ID_FS_TYPE=\nE:ID_PART_TABLE_TYPE=dos\n");
	put_text(at("run/udev/data/b8:17"),
		"E:ID_FS_TYPE=vfat\nE:ID_FS_LABEL=KING_STON\nE:ID_FS_LABEL_ENC=KING\\x20STON\\x1b\n"
		"E:ID_PART_ENTRY_SIZE=60060452\n");
	assert_int_equal(contents_read_udev(&host, devno, &contents), 0);
	contents_summary(&contents, text, sizeof(text));
	assert_string_equal(text, "dos: vfat \"KING STON?\"");
	assert_int_equal(contents.partitions[0].size, 60060452ull * 512);

	/* A partition 2 with a label of ours makes a stick. */
	add_device(USB "/" SCSI "block/sdb/sdb2", "sdb2", makedev(8, 18));
	set(USB "/" SCSI "block/sdb/sdb2", "partition", "2\n");
	put_text(at("run/udev/data/b8:18"),
		"E:ID_FS_TYPE=iso9660\nE:ID_FS_LABEL_ENC=LIVENG_SYSTEM2\n"
		"E:ID_PART_ENTRY_NAME=liveng-kernel\n");
	assert_int_equal(contents_read_udev(&host, devno, &contents), 0);
	contents_summary(&contents, text, sizeof(text));
	assert_string_equal(text, "liveng stick");
	assert_string_equal(contents.partitions[1].name, "liveng-kernel");
}

static struct refusal refusal_of(dev_t devno, const struct drive_rules *rules)
{
	struct drive drive = read_drive(devno);
	struct refusal refusal;

	assert_int_equal(refusal_find(&host, &drive, rules, &refusal), 0);
	return refusal;
}

/* Refused with that error, and with both texts. */
static void assert_refused(dev_t devno, int error, const char *reason, const char *way_out)
{
	struct refusal refusal = refusal_of(devno, &no_rules);

	assert_int_equal(refusal.error, -error);
	assert_string_equal(refusal.reason, reason);
	assert_non_null(strstr(refusal.way_out, way_out));
}

static void a_stick_nobody_uses_may_be_written(void **state)
{
	struct refusal refusal = refusal_of(add_usb_stick(), &no_rules);

	(void)state;
	assert_int_equal(refusal.error, 0);
	assert_string_equal(refusal.reason, "");
}

static void the_systems_disk_is_refused(void **state)
{
	dev_t devno = add_usb_stick();

	(void)state;
	set_mounts("30 1 8:17 / / rw - ext4 /dev/sdb1 rw\n"
		   "31 30 8:17 /b /boot/efi rw - ext4 /dev/sdb1 rw\n"
		   "32 30 8:17 /h /home rw - ext4 /dev/sdb1 rw\n");
	assert_refused(
		devno, ERR_REFUSED, "holds the running system (/, /boot/efi)", "another disk");
	set_mounts("30 1 0:55 /@ / rw - btrfs /dev/sdb1 rw\n");
	assert_refused(devno, ERR_REFUSED, "holds the running system (/)", "another disk");

	/* LVM over LUKS over the partition, both ways. */
	add_disk("dm-0", 254, 0);
	add_disk("dm-1", 254, 1);
	assert_int_equal(symlink("../../../../" USB "/" SCSI "block/sdb/sdb1",
				 at("sys/devices/pci/block/dm-0/slaves/sdb1")),
		0);
	add_slave("dm-1", "dm-0", "dm-0");
	set_mounts("30 1 254:1 / /usr rw - ext4 /dev/mapper/vg-usr rw\n");
	assert_refused(devno, ERR_REFUSED, "holds the running system (/usr)", "another disk");
	set_mounts("");
	put_text(at("proc/swaps"), "Filename\tType\tSize\n/swapfile file 1 0 -2\n"
				   "/dev/dm-1 partition\t1\t0\t-2\n");
	assert_refused(devno, ERR_REFUSED, "holds the running system (swap)", "another disk");
	put_text(at("proc/swaps"), "Filename\tType\tSize\n");
	assert_int_equal(refusal_of(devno, &no_rules).error, 0);
}

static void the_stick_we_run_from_is_refused(void **state)
{
	dev_t devno = add_usb_stick();
	static const char said[] = "is the stick that the system runs from";

	(void)state;
	set_mounts("30 1 8:17 / /run/live/medium ro - iso9660 /dev/sdb1 ro\n");
	assert_refused(devno, ERR_REFUSED, said, "another");
	set_mounts("30 1 0:40 / /run/live/medium rw - tmpfs tmpfs rw\n");
	symlink("../../sdb1", at("dev/disk/by-partuuid/1234"));
	set_command_line("boot=live toram live-media=/dev/disk/by-partuuid/1234\n");
	assert_refused(devno, ERR_REFUSED, said, "another");
}

static void a_disk_in_use_is_refused(void **state)
{
	dev_t devno = add_usb_stick();

	(void)state;
	set_mounts("30 1 8:17 / /media/a\\040b rw - vfat /dev/sdb1 rw\n"
		   "31 1 8:16 / /mnt rw - vfat /dev/sdb rw\n");
	assert_refused(devno, ERR_BUSY, "is mounted at /media/a b, /mnt", "unmount");
	set_mounts("30 28 8:17 / /media/\033[2J rw - vfat /dev/sdb1 rw\n");
	assert_refused(devno, ERR_BUSY, "is mounted at /media/?[2J", "unmount");
	set_mounts("");
	at("sys/devices/" USB "/" SCSI "block/sdb/sdb1/holders/dm-0/");
	assert_refused(devno, ERR_BUSY, "is in use by dm-0", "cryptsetup close");
	put_text(at("sys/class/block/dm-0/dm/name"), "luks-data\n");
	assert_refused(devno, ERR_BUSY, "is in use by dm-0 (luks-data)", "cryptsetup close");
}

static void many_mounts_leave_the_text_short(void **state)
{
	char lines[4000] = "";

	(void)state;
	add_usb_stick();
	for (int i = 0; i < 40; i++)
		sprintf(lines + strlen(lines),
			"%d 1 8:17 / /media/a-long-place-%d rw - x /dev/x rw\n", 50 + i, i);
	set_mounts(lines);
	assert_non_null(strstr(refusal_of(makedev(8, 16), &no_rules).reason, " and elsewhere"));
}

static void what_is_unfit_is_refused(void **state)
{
	static const char folder[] = USB "/" SCSI "block/sdb";
	dev_t devno = add_usb_stick();
	struct drive_rules rules = {.needed = 30752000000, .allow_large = true};
	struct refusal refusal;

	(void)state;
	assert_refused(makedev(8, 17), ERR_REFUSED, "is partition 1 of a disk", at("dev/sdb"));
	assert_int_equal(refusal_of(devno, &rules).error, 0);
	rules.needed++;
	refusal = refusal_of(devno, &rules);
	assert_int_equal(refusal.error, -ERR_NO_ROOM);
	assert_string_equal(
		refusal.reason, "has 30752000000 bytes, but 30752000001 bytes are needed");
	rules.needed = 0;

	set(folder, "size", "1073741824\n"); /* 512 GiB */
	assert_int_equal(refusal_of(devno, &no_rules).error, 0);
	set(folder, "size", "1073741825\n");
	assert_refused(devno, ERR_REFUSED, "has 549.8 GB, more than 512 GB", "--allow-large");
	assert_int_equal(refusal_of(devno, &rules).error, 0);

	set(folder, "removable", "0\n");
	assert_refused(devno, ERR_REFUSED, "is not removable", "--allow-fixed");
	rules.allow_fixed = true;
	assert_int_equal(refusal_of(devno, &rules).error, 0);

	set(folder, "queue/logical_block_size", "512\n");
	assert_int_equal(refusal_of(devno, &rules).error, 0);
	set(folder, "queue/logical_block_size", "4096\n");
	assert_refused(devno, ERR_REFUSED, "has sectors of 4096 bytes", "512");
	set(folder, "ro", "1\n");
	assert_refused(devno, ERR_REFUSED, "is read-only", "write-protect");
	set(folder, "size", "0\n");
	assert_refused(devno, ERR_REFUSED, "has no medium in it", "insert one");
}

static void what_cannot_be_found_out_is_an_error(void **state)
{
	struct drive drive = read_drive(add_usb_stick());
	struct refusal refusal = {.error = 99};

	(void)state;
	unlink(at("proc/self/mountinfo"));
	assert_int_equal(refusal_find(&host, &drive, &no_rules, &refusal), -ENOENT);
	assert_int_equal(refusal.error, 99);
	assert_non_null(strstr(told, "sdb: cannot find out whether it is in use"));
	assert_int_equal(drive_read(&host, makedev(8, 99), &drive), -ENOENT);
}

static void sizes_are_read_and_written(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {{"0", 0}, {"1048576", 1048576}, {"4G", 4ull << 30}, {"4GiB", 4ull << 30},
		{"30GB", 30000000000}, {"8m", 8 << 20}, {"1k", 1024}, {"2kb", 2000},
		{"1T", 1ull << 40}, {"2.5G", 5ull << 29}, {"0.5k", 512}, {"1.25GB", 1250000000},
		{"0.0000019T", 1099511}, {"1.5000000001M", 3 << 19}};
	static const char *const bad[] = {"", "G", "-1", "+1", " 1", "1.5", "1.", "1.G", ".5G",
		"1,5G", "1.5.5G", "1X", "1Gi", "1GiBs", "0x10"};
	char text[16];
	uint64_t bytes = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(size_parse(good[i].text, &bytes), 0);
		assert_int_equal(bytes, good[i].bytes);
	}
	bytes = 7;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(size_parse(bad[i], &bytes), -EINVAL);
	assert_int_equal(size_parse("99999999999999999999", &bytes), -ERANGE);
	assert_int_equal(size_parse("9999999T", &bytes), -ERANGE);
	assert_int_equal(bytes, 7);
	assert_int_equal(size_parse("8388607.9999999T", &bytes), -ERANGE);
	assert_string_equal(size_option(0, text), "0MB");
	assert_string_equal(size_option(1, text), "8MB");
	assert_string_equal(size_option(456 * 1000 * 1000, text), "456MB");
	assert_string_equal(size_option(456 * 1000 * 1000 + 1, text), "464MB");
	assert_string_equal(size_text(0, text), "0 bytes");
	assert_string_equal(size_text(1, text), "1 byte");
	assert_string_equal(size_text(999, text), "999 bytes");
	assert_string_equal(size_text(1000, text), "1.0 kB");
	assert_string_equal(size_text(999949999, text), "999.9 MB");
	assert_string_equal(size_text(999950000, text), "1.0 GB");
	assert_string_equal(size_text(UINT64_MAX, text), "18446744.1 TB");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_stick_is_described),
		TEST(other_kinds_tell_in_other_places),
		TEST(a_vendor_is_named_once),
		TEST(no_escapes_reach_the_terminal),
		TEST(a_different_medium_is_a_different_drive),
		TEST(only_whole_real_disks_are_listed),
		TEST(contents_are_read_from_udev),
		TEST(a_stick_nobody_uses_may_be_written),
		TEST(the_systems_disk_is_refused),
		TEST(the_stick_we_run_from_is_refused),
		TEST(a_disk_in_use_is_refused),
		TEST(many_mounts_leave_the_text_short),
		TEST(what_is_unfit_is_refused),
		TEST(what_cannot_be_found_out_is_an_error),
		cmocka_unit_test(sizes_are_read_and_written),
	};

	return cmocka_run_group_tests_name("drive", tests, NULL, NULL);
}
