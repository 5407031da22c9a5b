/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "stick.h"

#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/util.h"
#include "disk/probe.h"
#include "machine/init.h"
#include "machine/live.h"
#include "stickmount.h"

#define LOCK_TIMEOUT_MS 2000
#define LOCK_PATIENT_MS (10 * 60 * 1000)

/* The labels of the kernel partition: ours, and that of Open Secure-K OS. */
static const char *const labels[] = {"LIVENG_SYSTEM2", "SK-SYSTEM2"};

/* The labels of partition 1 on these sticks, in the same order. */
static const char *const system_labels[] = {"LIVENG_SYSTEM", "SK-SYSTEM"};

/* The GPT name that the deployer gives to the kernel partition. */
#define KERNEL_NAME "liveng-kernel"

/* Fill in the partitions. -ERR_NOT_STICK: no GPT. */
static int read_table(struct stick *stick)
{
	cleanup(probe_freep) blkid_probe probe = NULL;
	const char *type, *name;
	blkid_partlist list;
	int r;

	r = probe_partitions(stick->disk, &probe, &list);
	if (r < 0)
		return r == -ENOENT ? -ERR_NOT_STICK : r;
	type = blkid_parttable_get_type(blkid_partlist_get_table(list));
	if (!type || strcmp(type, "gpt") != 0)
		return -ERR_NOT_STICK;

	for (int n = 1; n <= STICK_PARTITIONS; n++) {
		blkid_partition partition = blkid_partlist_get_partition_by_partno(list, n);
		struct extent extent;

		if (!partition)
			continue;
		extent = probe_extent(partition);
		/* A truncated image keeps its table. */
		if (extent.start + extent.size <= disk_size(stick->disk))
			stick->partitions[n] = extent;
		name = blkid_partition_get_name(partition);
		if (n == STICK_KERNEL)
			stick->is_named = name && strcmp(name, KERNEL_NAME) == 0;
	}
	return 0;
}

/*
 * Does everything else indicate a liveng stick? Then a kernel partition with unknown content has
 * lost its volume, and may be recreated. Sets the label that it will get.
 */
static bool is_otherwise_liveng(struct stick *stick)
{
	struct extent system = stick->partitions[STICK_SYSTEM];
	struct filesystem identity;
	const char *label;
	bool is_known;

	if (!stick->is_whole)
		return false;
	is_known = system.size > 0 && probe_filesystem(stick->disk, system, &identity) == 0;
	label = stick_label_by_others(
		stick->is_named ? KERNEL_NAME : NULL, is_known ? identity.label : NULL);
	if (!label)
		return false;
	snprintf(stick->label, sizeof(stick->label), "%s", label);
	return true;
}

const char *stick_label_by_others(const char *kernel_name, const char *system_label)
{
	for (size_t i = 0; system_label && i < ARRAY_SIZE(labels); i++)
		if (strcmp(system_label, system_labels[i]) == 0)
			return labels[i];
	return kernel_name && strcmp(kernel_name, KERNEL_NAME) == 0 ? labels[0] : NULL;
}

bool stick_is_kernel_label(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(labels); i++)
		if (strcmp(text, labels[i]) == 0)
			return true;
	return false;
}

/* Report why this is not a kernel partition; @error is probe_filesystem()'s. */
static int refuse_partition(const struct stick *stick, const struct filesystem *identity, int error)
{
	struct stick table = {.disk = stick->disk};
	const char *name = stick->name;

	if (error < 0 && error != -ENOENT)
		return report(error, "%s: cannot read the kernel partition", name);
	if (stick->is_blank)
		return refuse(-ERR_VERIFY,
			"%s: no longer holds a file system: recreate it with `livengkupd repair`",
			name);
	if (!stick->is_whole && read_table(&table) == 0)
		return refuse(-ERR_NOT_STICK,
			"%s: has a partition table: if it is a whole stick, name it with --disk",
			name);
	if (error == -ENOENT)
		return refuse(-ERR_NOT_STICK,
			"%s: holds no recognizable file system: not a liveng kernel partition",
			name);
	if (strcmp(identity->type, "iso9660") != 0)
		return refuse(-ERR_NOT_STICK,
			"%s: holds %s, not ISO 9660: not a liveng kernel partition", name,
			identity->type);
	return refuse(-ERR_NOT_STICK,
		"%s: is labelled \"%s\", not \"%s\": not a liveng kernel partition", name,
		identity->label, labels[0]);
}

static int check_kernel_partition(struct stick *stick, bool blank_too)
{
	struct filesystem identity;
	int r;

	r = probe_filesystem(stick->disk, stick_kernel(stick), &identity);
	if (r == 0 && strcmp(identity.type, "iso9660") == 0 &&
		stick_is_kernel_label(identity.label)) {
		memcpy(stick->label, identity.label, sizeof(stick->label));
		memcpy(stick->uuid, identity.uuid, sizeof(stick->uuid));
		return 0;
	}
	stick->is_blank = r == -ENOENT && is_otherwise_liveng(stick);
	return stick->is_blank && blank_too ? 0 : refuse_partition(stick, &identity, r);
}

/* Read where a table must be: the first 34 sectors, with a copy in the last 33 (UEFI 5.3.1). */
static int read_table_places(const struct disk *disk)
{
	uint64_t end = ROUND_DOWN(disk_size(disk), SECTOR_SIZE);
	uint8_t sectors[34 * SECTOR_SIZE];
	size_t first = (size_t)MIN(end, sizeof(sectors));
	size_t last = (size_t)MIN(end, 33 * SECTOR_SIZE);
	int r;

	r = disk_read(disk, 0, sectors, first);
	if (r == 0)
		r = disk_read(disk, end - last, sectors, last);
	return r;
}

static bool is_kernel_partition(const struct disk *disk)
{
	const struct extent all = {0, disk_size(disk)};
	struct filesystem identity;

	return probe_filesystem(disk, all, &identity) == 0 && stick_is_kernel_label(identity.label);
}

static int find_kernel_partition(struct stick *stick)
{
	const char *path = disk_path(stick->disk);
	int r, s;

	r = read_table(stick);
	if (r == 0 && stick->partitions[STICK_KERNEL].size == 0)
		r = -ERR_NOT_STICK;
	/* libblkid takes an unreadable header or unreadable entries for no table. */
	if (r == -ERR_NOT_STICK && (s = read_table_places(stick->disk)) < 0)
		r = s;
	if (r == -ERR_NOT_STICK && is_kernel_partition(stick->disk))
		return refuse(r,
			"%s: is a kernel partition, not a whole stick: name it with --partition",
			path);
	if (r == -ERR_NOT_STICK)
		return refuse(r,
			"%s: has no GPT with a second partition, or is truncated: not a liveng "
			"stick",
			path);
	if (r < 0)
		return report(r, "%s: cannot read the partition table", path);
	return 0;
}

/* A missing or damaged block turns the assessment off. An unreadable one does not: it may record a
 * trial. */
static int find_grubenv(struct stick *stick)
{
	int r;

	if (stick->partitions[STICK_ESP].size == 0)
		return 0;
	r = grubenv_open(stick->disk, stick->partitions[STICK_ESP], &stick->grubenv);
	if (r < 0 && r != -ENOENT && r != -ERR_DAMAGED)
		return report(r, "%s: cannot read %s", disk_path(stick->disk), GRUBENV_PATH);
	if (r == -ERR_DAMAGED) {
		stick->grubenv_damaged = true;
		log_warning("%s: %s of partition %d is damaged, the boot assessment is off",
			disk_path(stick->disk), GRUBENV_PATH, STICK_ESP);
	}
	return 0;
}

/* The path of the disk to open, for each kind of target. */
static int resolve(const struct host *host, enum stick_target target, const char *path,
	char **ret_path, bool *ret_whole)
{
	autofree char *found = NULL;
	struct stat st;
	unsigned int number;

	if (target == STICK_RUNNING) {
		*ret_whole = true;
		return live_find_stick(host, ret_path);
	}
	/* From a partition device we get to its stick, and so to grubenv. */
	if (target == STICK_ALONE && stat(path, &st) == 0 && S_ISBLK(st.st_mode) &&
		host_partition_disk(host, st.st_rdev, &found, &number) == 0) {
		if (number != STICK_KERNEL)
			return refuse(-ERR_NOT_STICK,
				"%s: is partition %u, but the kernel sets are in partition %d",
				path, number, STICK_KERNEL);
		*ret_whole = true;
		*ret_path = steal_pointer(found);
		return 0;
	}
	*ret_whole = target == STICK_DISK;
	*ret_path = strdup(path);
	return *ret_path ? 0 : -ENOMEM;
}

/* Make sure that no other program writes to the stick, or to a loop device on an image file. */
static int lock_disk(const struct host *host, const struct stick *stick, bool patient,
	const struct observer *observer)
{
	const char *path = disk_path(stick->disk);
	char loop[HOST_LOOP_TEXT];
	struct stat st;
	int r;

	r = disk_lock(stick->disk, LOCK_TIMEOUT_MS, observer);
	if (r == -ERR_BUSY && patient) {
		log_info("%s: is in use by another program: waiting until that is done", path);
		r = disk_lock(stick->disk, LOCK_PATIENT_MS, observer);
	}
	if (r == -ERR_BUSY)
		return refuse(
			r, "%s: is in use by another program: try again when that is done", path);
	if (r == -EINTR)
		return refuse(r, "interrupted: nothing was changed");
	if (r < 0)
		return report(r, "%s: cannot lock it", path);
	if (!disk_is_block_device(stick->disk) && fstat(disk_fd(stick->disk), &st) == 0 &&
		host_find_loop(host, st.st_dev, st.st_ino, loop))
		return refuse(-ERR_BUSY,
			"%s: is attached as /dev/%s: use that, or detach it first (losetup "
			"--detach)",
			path, loop);
	return 0;
}

static int open_disk(const struct host *host, struct stick *stick, const char *path,
	unsigned int flags, const struct observer *observer)
{
	bool writable = flags & STICK_WRITABLE;
	struct stat st;
	int r;

	r = disk_open(path, writable, &stick->disk);
	if (r == -EROFS && stat(path, &st) == 0 && S_ISBLK(st.st_mode))
		return refuse(r, "%s: is write-protected", path);
	if (r == -EROFS || r == -EACCES)
		return report(
			r, "%s: cannot open it for %s", path, writable ? "writing" : "reading");
	if (r == -EISDIR || r == -ERR_NOT_DISK)
		return refuse(r, "%s: is neither a block device nor a regular file", path);
	if (r < 0)
		return report(r, "%s", path);
	return writable ? lock_disk(host, stick, flags & STICK_PATIENT, observer) : 0;
}

int stick_open(const struct host *host, enum stick_target target, const char *path,
	unsigned int flags, const struct observer *observer, struct stick **ret_stick)
{
	cleanup(stick_closep) struct stick *stick = calloc(1, sizeof(*stick));
	autofree char *disk_name = NULL;
	autofree char *node = NULL;
	int r;

	if (!stick)
		return -ENOMEM;
	r = resolve(host, target, path, &disk_name, &stick->is_whole);
	if (r == 0)
		r = open_disk(host, stick, disk_name, flags, observer);
	if (r < 0)
		return r;

	/* A stick named by hand will be booted by whoever knows what system. */
	stick->has_trials = target != STICK_RUNNING || init_ends_trials(host);
	snprintf(stick->name, sizeof(stick->name), "%s", disk_name);
	if (stick->is_whole) {
		r = find_kernel_partition(stick);
		if (r < 0)
			return r;
		if (host_partition_node(host, disk_devno(stick->disk), STICK_KERNEL, &node) == 0)
			snprintf(stick->name, sizeof(stick->name), "%s", node);
		else
			snprintf(stick->name, sizeof(stick->name), "%s, partition %d", disk_name,
				STICK_KERNEL);
	} else {
		stick->partitions[STICK_KERNEL] = (struct extent){0, disk_size(stick->disk)};
	}
	r = check_kernel_partition(stick, flags & STICK_BLANK_TOO);
	if (r < 0)
		return r;
	if ((flags & STICK_WRITABLE) && stick->partitions[STICK_ESP].size > 0)
		r = stickmount_settle(stick->disk, STICK_ESP, host, &stick->esp_point);
	if (r == 0)
		r = find_grubenv(stick);
	if (r < 0)
		return r;
	*ret_stick = steal_pointer(stick);
	return 0;
}

void stick_close(struct stick *stick)
{
	if (!stick)
		return;
	grubenv_free(stick->grubenv);
	disk_close(stick->disk);
	free(stick->esp_point);
	free(stick);
}

void stick_closep(struct stick **stick)
{
	stick_close(*stick);
}

struct extent stick_kernel(const struct stick *stick)
{
	return stick->partitions[STICK_KERNEL];
}

int stick_check_identity(const struct stick *stick)
{
	struct filesystem identity;
	int r;

	r = probe_filesystem(stick->disk, stick_kernel(stick), &identity);
	if (r == -ENOENT)
		return -ERR_VERIFY;
	if (r < 0)
		return r;
	if (strcmp(identity.label, stick->label) != 0 || strcmp(identity.uuid, stick->uuid) != 0)
		return -ERR_VERIFY;
	return 0;
}
