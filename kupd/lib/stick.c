/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "stick.h"

#include <blkid.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "log.h"
#include "util.h"

#define LOCK_TIMEOUT_MS 2000

/* The labels of the kernel partition: ours, and that of Open Secure-K OS. */
static const char *const labels[] = {"LIVENG_SYSTEM2", "SK-SYSTEM2"};

static void free_probe(blkid_probe *probe)
{
	if (*probe)
		blkid_free_probe(*probe);
}

static int probe_new(const struct disk *disk, struct extent extent, blkid_probe *ret_probe)
{
	cleanup(free_probe) blkid_probe probe = blkid_new_probe();

	if (!probe)
		return -ENOMEM;
	if (blkid_probe_set_device(probe, disk_fd(disk), (blkid_loff_t)extent.start,
		    (blkid_loff_t)extent.size) != 0)
		return errno ? -errno : -EIO;
	*ret_probe = steal_pointer(probe);
	return 0;
}

/* Fill in the partitions. -ERR_NOT_STICK: no GPT. */
static int read_table(struct stick *stick)
{
	const struct extent all = {0, disk_size(stick->disk)};
	cleanup(free_probe) blkid_probe probe = NULL;
	blkid_partlist list;
	const char *type;
	int r;

	r = probe_new(stick->disk, all, &probe);
	if (r < 0)
		return r;
	blkid_probe_enable_superblocks(probe, 0);
	blkid_probe_enable_partitions(probe, 1);
	errno = 0;
	r = blkid_do_fullprobe(probe);
	if (r < 0)
		return errno ? -errno : -EIO;
	if (r != 0)
		return -ERR_NOT_STICK;
	list = blkid_probe_get_partitions(probe);
	if (!list || !blkid_partlist_get_table(list))
		return -ERR_NOT_STICK;
	type = blkid_parttable_get_type(blkid_partlist_get_table(list));
	if (!type || strcmp(type, "gpt") != 0)
		return -ERR_NOT_STICK;

	for (int n = 1; n <= STICK_PARTITIONS; n++) {
		blkid_partition partition = blkid_partlist_get_partition_by_partno(list, n);
		struct extent extent;

		if (!partition)
			continue;
		extent.start = (uint64_t)blkid_partition_get_start(partition) * SECTOR_SIZE;
		extent.size = (uint64_t)blkid_partition_get_size(partition) * SECTOR_SIZE;
		/* An image cut short keeps its table. */
		if (extent.start + extent.size <= disk_size(stick->disk))
			stick->partitions[n] = extent;
	}
	return 0;
}

static void copy_value(blkid_probe probe, const char *name, char *to, size_t size)
{
	const char *value = NULL;

	if (blkid_probe_lookup_value(probe, name, &value, NULL) != 0)
		value = "";
	snprintf(to, size, "%s", value);
	/* Whoever made the stick chose it, and it goes to terminals. */
	for (; *to; to++)
		if (*to < ' ' || *to > '~')
			*to = '?';
}

/* What blkid says of the kernel partition. */
static int identify(const struct stick *stick, char type[32], char label[48], char uuid[48])
{
	cleanup(free_probe) blkid_probe probe = NULL;
	int r;

	r = probe_new(stick->disk, stick_kernel(stick), &probe);
	if (r < 0)
		return r;
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(
		probe, BLKID_SUBLKS_LABEL | BLKID_SUBLKS_UUID | BLKID_SUBLKS_TYPE);
	errno = 0;
	r = blkid_do_safeprobe(probe);
	/* -2: two file systems claim it; less than 0 otherwise: it could not be read. */
	if (r < 0 && r != -2)
		return errno ? -errno : -EIO;
	if (r != 0)
		return -ERR_NOT_STICK;
	copy_value(probe, "TYPE", type, 32);
	copy_value(probe, "LABEL", label, 48);
	copy_value(probe, "UUID", uuid, 48);
	return 0;
}

static int check_kernel_partition(struct stick *stick)
{
	const char *name = stick->name;
	char type[32];
	int r;

	r = identify(stick, type, stick->label, stick->uuid);
	if (r == -ERR_NOT_STICK) {
		log_error("%s: holds no file system that could be identified: not a liveng kernel "
			  "partition",
			name);
		return r;
	}
	if (r < 0) {
		errno = -r;
		log_error("%s: cannot read the kernel partition: %m", name);
		return r;
	}
	if (strcmp(type, "iso9660") != 0) {
		log_error("%s: holds %s, not ISO 9660: not a liveng kernel partition", name, type);
		return -ERR_NOT_STICK;
	}
	for (size_t i = 0; i < ARRAY_SIZE(labels); i++) {
		if (strcmp(stick->label, labels[i]) == 0)
			return 0;
	}
	log_error("%s: is labelled \"%s\", not \"%s\": not a liveng kernel partition", name,
		stick->label, labels[0]);
	return -ERR_NOT_STICK;
}

/* Where a table has to be: 34 sectors, and a copy in the last 33 (UEFI 5.3.1). */
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

static int find_kernel_partition(struct stick *stick)
{
	const char *path = disk_path(stick->disk);
	int r, s;

	r = read_table(stick);
	if (r == 0 && stick->partitions[STICK_KERNEL].size == 0)
		r = -ERR_NOT_STICK;
	/* libblkid takes a header or entries that it cannot read for none. */
	if (r == -ERR_NOT_STICK && (s = read_table_places(stick->disk)) < 0)
		r = s;
	if (r == -ERR_NOT_STICK) {
		log_error("%s: has no GPT with a second partition, or is cut short: not a liveng "
			  "stick",
			path);
	} else if (r < 0) {
		errno = -r;
		log_error("%s: cannot read the partition table: %m", path);
	}
	return r;
}

/* A missing or damaged block turns the assessment off. One that cannot be read does not: it may
 * tell of a trial. */
static int find_grubenv(struct stick *stick)
{
	int r;

	if (stick->partitions[STICK_ESP].size == 0)
		return 0;
	r = grubenv_open(stick->disk, stick->partitions[STICK_ESP], &stick->grubenv);
	if (r < 0 && r != -ENOENT && r != -EUCLEAN) {
		errno = -r;
		log_error("%s: cannot read %s: %m", disk_path(stick->disk), GRUBENV_PATH);
		return r;
	}
	if (r == -EUCLEAN) {
		stick->grubenv_damaged = true;
		errno = -r;
		log_warning("%s: %s of partition %d cannot be used, the boot assessment is off: %m",
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
		return host_find_stick(host, ret_path);
	}
	/* A partition device leads to its stick, and so to grubenv. */
	if (target == STICK_ALONE && stat(path, &st) == 0 && S_ISBLK(st.st_mode) &&
		host_partition_disk(host, st.st_rdev, &found, &number) == 0) {
		if (number != STICK_KERNEL) {
			log_error("%s: is partition %u, the kernel sets lie in partition %d", path,
				number, STICK_KERNEL);
			return -ERR_NOT_STICK;
		}
		*ret_whole = true;
		*ret_path = steal_pointer(found);
		return 0;
	}
	*ret_whole = target == STICK_DISK;
	*ret_path = strdup(path);
	return *ret_path ? 0 : -ENOMEM;
}

static int open_disk(struct stick *stick, const char *path, bool writable)
{
	int r;

	r = disk_open(path, writable, &stick->disk);
	if (r == -EROFS || r == -EACCES) {
		errno = -r;
		log_error("%s: cannot open it for %s: %m", path, writable ? "writing" : "reading");
		return r;
	}
	if (r == -EISDIR || r == -ENOTBLK) {
		log_error("%s: is neither a block device nor a plain file", path);
		return r;
	}
	if (r < 0) {
		errno = -r;
		log_error("%s: %m", path);
		return r;
	}
	if (writable)
		r = disk_lock(stick->disk, LOCK_TIMEOUT_MS);
	if (r == -EBUSY) {
		log_error("%s: another program uses it: try again when it is done", path);
	} else if (r < 0) {
		errno = -r;
		log_error("%s: cannot lock it: %m", path);
	}
	return r;
}

int stick_open(const struct host *host, enum stick_target target, const char *path, bool writable,
	struct stick **ret_stick)
{
	cleanup(stick_closep) struct stick *stick = calloc(1, sizeof(*stick));
	autofree char *disk_name = NULL;
	autofree char *node = NULL;
	int r;

	if (!stick)
		return -ENOMEM;
	r = resolve(host, target, path, &disk_name, &stick->is_whole);
	if (r == 0)
		r = open_disk(stick, disk_name, writable);
	if (r < 0)
		return r;

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
	r = check_kernel_partition(stick);
	if (r < 0)
		return r;
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
	char type[32], label[48], uuid[48];
	int r;

	r = identify(stick, type, label, uuid);
	if (r < 0)
		return r;
	if (strcmp(label, stick->label) != 0 || strcmp(uuid, stick->uuid) != 0)
		return -ERR_VERIFY;
	return 0;
}

int stick_release_mounts(const struct stick *stick, const struct host *host, bool dry_run)
{
	/* A partition that belongs to no disk (device-mapper, loop) is mounted by its own number.
	 */
	unsigned int number = stick->is_whole ? STICK_KERNEL : 0;
	dev_t devno = disk_devno(stick->disk);
	enum host_mount state;
	int r;

	if (!disk_is_block_device(stick->disk))
		return 0;
	r = host_mount_state(host, devno, number, &state);
	if (r < 0) {
		errno = -r;
		log_error("%s: cannot tell whether it is mounted: %m", stick->name);
		return r;
	}
	if (state == HOST_MOUNTED_RW) {
		log_error("%s: is mounted read-write: unmount it first", stick->name);
		return -ERR_REFUSED;
	}
	if (state == HOST_MOUNTED_RO && !dry_run)
		return host_unmount(host, devno, number);
	return 0;
}

void stick_refresh_cache(const struct stick *stick, const struct host *host)
{
	autofree char *node = NULL;
	autoclose int fd = -1;

	/* The partition's device has a page cache of its own: a mount would read old blocks. */
	if (!disk_is_block_device(stick->disk) || !stick->is_whole ||
		host_partition_node(host, disk_devno(stick->disk), STICK_KERNEL, &node) < 0)
		return;
	fd = open(node, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		(void)ioctl(fd, BLKFLSBUF, 0);
}
