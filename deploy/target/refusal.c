/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "refusal.h"

#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "base/log.h"
#include "base/size.h"
#include "base/text.h"
#include "base/util.h"
#include "disk/disk.h"
#include "machine/live.h"
#include "machine/mounts.h"

/* Mount points that the running system depends on; for /boot, also everything below it. */
static const char *const system_points[] = {"/", "/usr", "/var", "/etc", "/boot", "/efi"};
#define BOOT_FOLDER "/boot/"

/* Set the reason; the way out follows. */
__attribute__((format(printf, 3, 4))) static void set_reason(
	struct refusal *refusal, int error, const char *format, ...)
{
	va_list arguments;

	refusal->error = error;
	va_start(arguments, format);
	vsnprintf(refusal->reason, sizeof(refusal->reason), format, arguments);
	text_make_safe(refusal->reason); /* a mount point may be called anything */
	va_end(arguments);
}

__attribute__((format(printf, 2, 3))) static void advise(
	struct refusal *refusal, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(refusal->way_out, sizeof(refusal->way_out), format, arguments);
	va_end(arguments);
}

/* Does the block device with that node, or a device beneath it, lie on the drive? */
static int node_lies_on(
	const struct host *host, const char *node, const struct drive *drive, bool *ret_lies)
{
	dev_t devno;

	*ret_lies = false;
	if (strncmp(node, "/dev/", 5) != 0 || device_find(host->root, node, &devno) < 0)
		return 0;
	return device_lies_on(host->root, devno, drive->devno, ret_lies);
}

static int mount_lies_on(const struct host *host, const struct mount *mount,
	const struct drive *drive, bool *ret_lies)
{
	/* btrfs has device numbers of its own; only the source names the real device. */
	if (major(mount->devno) == 0)
		return node_lies_on(host, mount->source, drive, ret_lies);
	*ret_lies = false;
	return device_lies_on(host->root, mount->devno, drive->devno, ret_lies);
}

static bool is_system_point(const char *target)
{
	for (size_t i = 0; i < ARRAY_SIZE(system_points); i++)
		if (strcmp(target, system_points[i]) == 0)
			return true;
	return strncmp(target, BOOT_FOLDER, strlen(BOOT_FOLDER)) == 0;
}

/* "/, /boot, 3 more" */
struct places {
	char text[160];
	size_t n, left_out;
};

static void add_place(struct places *places, const char *place)
{
	size_t length = strlen(places->text);

	places->n++;
	if (length + strlen(place) + 3 > sizeof(places->text))
		places->left_out++;
	else
		snprintf(places->text + length, sizeof(places->text) - length, "%s%s",
			length ? ", " : "", place);
}

/* How the running system uses the drive. */
struct usage {
	bool is_running; /* the live system comes from it */
	struct places system, mounts;
};

static int read_mounts(const struct host *host, const struct drive *drive, struct usage *usage)
{
	cleanup(mounts_free) struct mounts mounts = {0};
	int r;

	r = mounts_read(host->root, &mounts);
	for (size_t i = 0; r == 0 && i < mounts.n; i++) {
		const struct mount *mount = &mounts.list[i];
		bool lies;

		r = mount_lies_on(host, mount, drive, &lies);
		if (r == 0 && lies)
			add_place(is_system_point(mount->target) ? &usage->system : &usage->mounts,
				mount->target);
	}
	return r;
}

/* /proc/swaps: a header line, then name, type and more for each. A swap file shows up as a
 * mount. */
static int read_swaps(const struct host *host, const struct drive *drive, struct usage *usage)
{
	cleanup(close_file) FILE *file = NULL;
	autofree char *path = NULL;
	autofree char *line = NULL;
	size_t size = 0;
	bool lies;
	int r = 0;

	path = text_new("%s/proc/swaps", host->root);
	if (!path)
		return -ENOMEM;
	file = fopen(path, "re");
	if (!file)
		return errno == ENOENT ? 0 : -errno; /* a kernel without swap */
	while (r == 0 && getline(&line, &size, file) >= 0) {
		line[strcspn(line, " \t\n")] = '\0';
		r = node_lies_on(host, line, drive, &lies);
		if (r == 0 && lies)
			add_place(&usage->system, "swap");
	}
	return r < 0 || feof(file) ? r : -errno;
}

static int read_running(const struct host *host, const struct drive *drive, struct usage *usage)
{
	struct device_disks disks = {0};
	int r;

	r = live_disks(host, &disks);
	for (size_t i = 0; r == 0 && i < disks.n; i++)
		usage->is_running |= disks.list[i] == drive->devno;
	return r;
}

/* "dm-0 (cryptroot)" */
static void name_holder(const struct host *host, const char *holder, char *text, size_t size)
{
	autofree char *path = text_new("%s/sys/class/block/%s/dm/name", host->root, holder);
	autofree char *name = NULL;

	if (path && file_read_text(path, '\n', &name) == 0 && name[0])
		snprintf(text, size, "%s (%s)", holder, name);
	else
		snprintf(text, size, "%s", holder);
}

/* Does anyone hold the disk exclusively who does not show up in sysfs and the mount table: btrfs
 * with several disks, ZFS, another mount namespace? Unknown without permission to open it. */
static bool is_claimed(const struct drive *drive)
{
	cleanup(disk_closep) struct disk *disk = NULL;

	return disk_open(drive->node, false, &disk) == 0 && disk_claim(disk) == -ERR_BUSY;
}

/* The first source that is a partition of the drive, or a file on a mounted one; NULL: none.
 */
static const char *find_source(
	const struct host *host, const struct drive *drive, const char *const *sources)
{
	bool lies = false;
	struct stat st;

	for (; sources && *sources; sources++)
		if (stat(*sources, &st) == 0 &&
			device_lies_on(host->root, S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev,
				drive->devno, &lies) == 0 &&
			lies)
			return *sources;
	return NULL;
}

static int find_use(const struct host *host, const struct drive *drive, const char *const *sources,
	struct refusal *refusal)
{
	const char *source = find_source(host, drive, sources);
	struct usage usage = {0};
	autofree char *holder = NULL;
	char text[160];
	int r;

	r = read_mounts(host, drive, &usage);
	if (r == 0)
		r = read_swaps(host, drive, &usage);
	if (r < 0)
		return report(r, "%s: cannot find out whether it is in use", drive->node);
	r = read_running(host, drive, &usage);
	if (r < 0)
		return r;

	if (usage.is_running) {
		set_reason(refusal, -ERR_REFUSED, "is the stick that the system runs from");
		advise(refusal, "use another one");
	} else if (usage.system.n > 0) {
		set_reason(
			refusal, -ERR_REFUSED, "holds the running system (%s)", usage.system.text);
		advise(refusal, "use another disk");
	} else if (source) {
		set_reason(refusal, -ERR_REFUSED, "holds %s", source);
		advise(refusal, "copy that to another disk first");
	} else if (usage.mounts.n > 0) {
		set_reason(refusal, -ERR_BUSY, "is mounted at %s%s", usage.mounts.text,
			usage.mounts.left_out ? " and elsewhere" : "");
		advise(refusal, "unmount it first");
	} else if (device_holder(host->root, drive->devno, &holder) == 0) {
		name_holder(host, holder, text, sizeof(text));
		set_reason(refusal, -ERR_BUSY, "is in use by %s", text);
		advise(refusal, "close that first (cryptsetup close, vgchange -an, mdadm --stop)");
	} else if (is_claimed(drive)) {
		set_reason(refusal, -ERR_BUSY, "is in use by another program");
		advise(refusal, "close that first");
	}
	return 0;
}

static void find_property(
	const struct drive *drive, const struct drive_rules *rules, struct refusal *refusal)
{
	char has[SIZE_TEXT], needed[SIZE_TEXT];

	size_text(drive->size, has);
	if (drive->is_read_only) {
		set_reason(refusal, -ERR_REFUSED, "is read-only");
		advise(refusal, "move its write-protect switch, or use another one");
	} else if (drive->sector > SECTOR_SIZE) {
		/* The firmware would look for the table in another place. */
		set_reason(refusal, -ERR_REFUSED, "has sectors of %llu bytes",
			(unsigned long long)drive->sector);
		advise(refusal, "use one with sectors of %u", SECTOR_SIZE);
	} else if (!drive->is_removable && !rules->allow_fixed) {
		set_reason(refusal, -ERR_REFUSED, "is not removable");
		advise(refusal, "to use it anyway, give --allow-fixed");
	} else if (drive->size > DRIVE_LARGE && !rules->allow_large) {
		set_reason(refusal, -ERR_REFUSED, "has %s, more than 512 GB", has);
		advise(refusal, "to use it anyway, give --allow-large");
	} else if (drive->size < rules->needed) {
		size_texts(drive->size, rules->needed, has, needed);
		set_reason(refusal, -ERR_NO_ROOM, "has %s, but %s are needed", has, needed);
		advise(refusal, "use a larger one");
	}
}

int refusal_find(const struct host *host, const struct drive *drive,
	const struct drive_rules *rules, struct refusal *ret_refusal)
{
	struct refusal refusal = {0};
	unsigned int number;
	dev_t disk;
	int r = 0;

	if (device_of_partition(host->root, drive->devno, &disk, &number) == 0) {
		autofree char *node = NULL;

		set_reason(&refusal, -ERR_REFUSED, "is partition %u of a disk", number);
		if (device_node(host->root, disk, &node) == 0)
			advise(&refusal, "name the whole disk, %s", node);
		else
			advise(&refusal, "name the whole disk");
	} else if (drive->size == 0) {
		set_reason(&refusal, -ERR_REFUSED, "has no medium in it");
		advise(&refusal, "insert one");
	} else {
		r = find_use(host, drive, rules->sources, &refusal);
	}
	if (r == 0 && refusal.error == 0)
		find_property(drive, rules, &refusal);
	if (r == 0)
		*ret_refusal = refusal;
	return r;
}
