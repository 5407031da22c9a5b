/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "host.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "log.h"
#include "mounts.h"
#include "util.h"

/* live-boot mounts there; the second ones are those of before Debian 10. */
static const char *const medium_points[] = {"/run/live/medium", "/lib/live/mount/medium"};
static const char *const persistence_folders[] = {
	"/run/live/persistence/", "/lib/live/mount/persistence/"};

#define LIVE_MEDIA "live-media="
#define PARTUUIDS  "/dev/disk/by-partuuid/"

/* The variables' vendor: UEFI 3.3, EFI_GLOBAL_VARIABLE. */
#define EFI_VARIABLES "/sys/firmware/efi/efivars"
#define EFI_GLOBAL    "8be4df61-93ca-11d2-aa0d-00e098032b8c"

/* The kernel command line. */
static int read_command_line(const struct host *host, char **ret_line)
{
	cleanup(close_file) FILE *file = NULL;
	autofree char *path = NULL;
	autofree char *line = NULL;
	size_t size = 0;

	if (asprintf(&path, "%s/proc/cmdline", host->root) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	file = fopen(path, "re");
	if (!file)
		return -errno;
	if (getdelim(&line, &size, '\0', file) < 0) {
		if (ferror(file))
			return -EIO;
		free(line); /* getdelim() may have got it before it saw the end */
		line = strdup("");
		if (!line)
			return -ENOMEM;
	}
	*ret_line = steal_pointer(line);
	return 0;
}

/* Cut the next word off; NULL at the end. Spaces within double quotes do not end one. */
static char *next_word(char **line)
{
	char *word = *line + strspn(*line, " \t\n");
	char *end = word;
	bool is_quoted = false;

	if (!*word)
		return NULL;
	for (; *end && (is_quoted || !isspace((unsigned char)*end)); end++)
		is_quoted ^= *end == '"';
	*line = end + (*end != '\0');
	*end = '\0';
	return word;
}

/* Add the disks beneath a mount; none for what lies in memory. */
static int add_mount(const struct host *host, const struct mount *mount, struct device_disks *disks)
{
	dev_t devno = mount->devno;
	int r;

	/* btrfs has numbers of its own and tells the device only by name. */
	if (major(devno) == 0 && strncmp(mount->source, "/dev/", 5) == 0 &&
		device_find(host->root, mount->source, &devno) < 0)
		return 0;
	r = device_add_disks(host->root, devno, disks);
	if (r < 0) {
		errno = -r;
		log_error("%s: cannot tell what disk this mount lies on: %m", mount->target);
	}
	return r;
}

static int add_medium(
	const struct host *host, const struct mounts *mounts, struct device_disks *disks)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(medium_points); i++) {
		const struct mount *mount = mounts_at(mounts, medium_points[i]);

		if (mount)
			r = add_mount(host, mount, disks);
	}
	return r;
}

static int add_persistence(
	const struct host *host, const struct mounts *mounts, struct device_disks *disks)
{
	int r = 0;

	for (size_t i = 0; i < mounts->n; i++) {
		const struct mount *mount = &mounts->list[i];

		for (size_t k = 0; r == 0 && k < ARRAY_SIZE(persistence_folders); k++)
			if (strncmp(mount->target, persistence_folders[k],
				    strlen(persistence_folders[k])) == 0)
				r = add_mount(host, mount, disks);
	}
	return r;
}

/* The disk with the partition that the boot menu named. 0: it named none, or none that is there. */
static dev_t named_disk(const struct host *host)
{
	struct device_disks disks = {0};
	autofree char *line = NULL;
	char *cursor, *word;
	dev_t named = 0, devno;

	if (read_command_line(host, &line) < 0)
		return 0;
	cursor = line;
	while ((word = next_word(&cursor))) {
		if (strncmp(word, LIVE_MEDIA PARTUUIDS, strlen(LIVE_MEDIA PARTUUIDS)) != 0)
			continue;
		/* As in live-boot, the last one counts. */
		disks.n = 0;
		named = 0;
		if (device_find(host->root, word + strlen(LIVE_MEDIA), &devno) == 0 &&
			device_add_disks(host->root, devno, &disks) == 0 && disks.n == 1)
			named = disks.list[0];
	}
	return named;
}

static bool contains(const struct device_disks *disks, dev_t disk)
{
	for (size_t i = 0; i < disks->n; i++)
		if (disks->list[i] == disk)
			return true;
	return false;
}

/* The node of a disk for a message. Never NULL; the caller frees it. */
static char *name_of(const struct host *host, dev_t disk)
{
	char *name;

	if (device_node(host->root, disk, &name) == 0)
		return name;
	if (asprintf(&name, "%u:%u", major(disk), minor(disk)) < 0)
		abort();
	return name;
}

static int report_two(const struct host *host, const char *what, dev_t one, dev_t other)
{
	autofree char *first = name_of(host, one);
	autofree char *second = name_of(host, other);

	log_error("cannot tell which stick the system runs from, %s %s and %s: name it with --disk",
		what, first, second);
	return -ERR_NOT_STICK;
}

static int read_mounts(const struct host *host, struct mounts *ret_mounts)
{
	int r;

	r = mounts_read(host->root, ret_mounts);
	if (r < 0) {
		errno = -r;
		log_error("cannot read the mount table %s/proc/self/mountinfo: %m", host->root);
	}
	return r;
}

int host_find_stick(const struct host *host, char **ret_path)
{
	cleanup(mounts_free) struct mounts mounts = {0};
	struct device_disks disks = {0};
	dev_t named = named_disk(host), stick;
	bool is_medium;
	int r;

	r = read_mounts(host, &mounts);
	if (r < 0)
		return r;
	r = add_medium(host, &mounts, &disks);
	is_medium = disks.n > 0;
	if (r == 0 && !is_medium)
		r = add_persistence(host, &mounts, &disks);
	if (r < 0)
		return r;

	if (disks.n == 0 && !named) {
		log_error("the system runs from no stick that could be found, neither live medium "
			  "nor persistence lies on a disk: name it with --disk");
		return -ERR_NOT_STICK;
	}
	if (named && (disks.n == 0 || contains(&disks, named))) {
		stick = named;
	} else if (disks.n > 1) {
		return report_two(host,
			is_medium ? "its medium lies on" : "there is persistence on", disks.list[0],
			disks.list[1]);
	} else if (named && !is_medium) {
		/* Persistence may lie anywhere, and a copied stick has the same name. */
		return report_two(host, "its persistence and the medium it was booted from are on",
			disks.list[0], named);
	} else {
		stick = disks.list[0];
	}

	r = device_node(host->root, stick, ret_path);
	if (r < 0) {
		errno = -r;
		log_error("cannot tell the name of the disk %u:%u: %m", major(stick), minor(stick));
	}
	return r;
}

int host_running_disks(const struct host *host, struct device_disks *ret_disks)
{
	cleanup(mounts_free) struct mounts mounts = {0};
	struct device_disks disks = {0};
	dev_t named = named_disk(host);
	int r;

	r = read_mounts(host, &mounts);
	if (r == 0)
		r = add_medium(host, &mounts, &disks);
	if (r == 0)
		r = add_persistence(host, &mounts, &disks);
	if (r == 0 && named)
		r = device_add_disks(host->root, named, &disks);
	if (r == 0)
		*ret_disks = disks;
	return r;
}

int host_partition_node(const struct host *host, dev_t disk, unsigned int number, char **ret_path)
{
	dev_t partition;
	int r;

	r = device_partition(host->root, disk, number, &partition);
	if (r < 0)
		return r;
	return device_node(host->root, partition, ret_path);
}

int host_partition_disk(
	const struct host *host, dev_t partition, char **ret_disk_path, unsigned int *ret_number)
{
	unsigned int number;
	dev_t disk;
	int r;

	r = device_of_partition(host->root, partition, &disk, &number);
	if (r == 0)
		r = device_node(host->root, disk, ret_disk_path);
	if (r == 0)
		*ret_number = number;
	return r;
}

/* What host_mount_state() and host_unmount() are asked for. -ENOENT: the kernel does not know it.
 */
static int find_device(const struct host *host, dev_t disk, unsigned int number, dev_t *ret_devno)
{
	if (number != 0)
		return device_partition(host->root, disk, number, ret_devno);
	*ret_devno = disk;
	return 0;
}

int host_mount_state(
	const struct host *host, dev_t disk, unsigned int number, enum host_mount *ret_state)
{
	cleanup(mounts_free) struct mounts mounts = {0};
	enum host_mount state = HOST_NOT_MOUNTED;
	dev_t partition;
	int r;

	r = find_device(host, disk, number, &partition);
	if (r == 0)
		r = mounts_read(host->root, &mounts);
	else if (r == -ENOENT)
		r = 0; /* what the kernel does not know cannot be mounted */
	if (r < 0)
		return r;
	for (size_t i = 0; i < mounts.n; i++)
		if (mounts.list[i].devno == partition)
			state = MAX(state,
				mounts.list[i].is_writable ? HOST_MOUNTED_RW : HOST_MOUNTED_RO);
	*ret_state = state;
	return 0;
}

/* Is this mount still in the table? Another's end may have taken it along (shared subtrees). */
static bool is_listed(const struct host *host, unsigned int id)
{
	cleanup(mounts_free) struct mounts mounts = {0};

	if (mounts_read(host->root, &mounts) < 0)
		return true;
	for (size_t i = 0; i < mounts.n; i++)
		if (mounts.list[i].id == id)
			return true;
	return false;
}

static int unmount(const struct host *host, const struct mount *mount)
{
	autofree char *path = NULL;
	struct stat st;

	if (asprintf(&path, "%s%s", host->root, mount->target) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	/* umount2() takes what is on top: make sure that it is this one. */
	if (lstat(path, &st) < 0 || st.st_dev != mount->devno) {
		if (!is_listed(host, mount->id))
			return 0;
		log_error(
			"%s: cannot unmount it, another mount hides it: unmount that first", path);
		return -EBUSY;
	}
	if (umount2(path, UMOUNT_NOFOLLOW) < 0) {
		int r = -errno;

		if (r == -EBUSY)
			log_error("%s: cannot unmount it, a program uses it: close that, then try "
				  "again",
				path);
		else
			log_error("%s: cannot unmount it: %m", path);
		return r;
	}
	log_info("%s: unmounted", path);
	return 0;
}

int host_unmount(const struct host *host, dev_t disk, unsigned int number)
{
	cleanup(mounts_free) struct mounts mounts = {0};
	dev_t partition;
	int r;

	r = find_device(host, disk, number, &partition);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = mounts_read(host->root, &mounts);
	if (r < 0) {
		errno = -r;
		log_error("cannot tell what is mounted: %m");
	}
	/* The last one first: it may lie within an earlier one. */
	for (size_t i = mounts.n; r == 0 && i > 0; i--)
		if (mounts.list[i - 1].devno == partition)
			r = unmount(host, &mounts.list[i - 1]);
	return r;
}

int host_boot(const struct host *host, enum host_boot *ret_boot)
{
	bool is_live = false, is_previous = false, is_fallback = false;
	autofree char *line = NULL;
	char *cursor, *word;
	int r;

	r = read_command_line(host, &line);
	if (r < 0)
		return r;
	cursor = line;
	while ((word = next_word(&cursor))) {
		is_live |= strcmp(word, "boot=live") == 0;
		is_previous |= strcmp(word, "liveng.boot=previous") == 0;
		is_fallback |= strcmp(word, "liveng-fallback") == 0;
	}
	/* A fallback's kernel is that of partition 1, whatever else is said. */
	*ret_boot = !is_live	  ? HOST_BOOT_OTHER
		    : is_fallback ? HOST_BOOT_FALLBACK
		    : is_previous ? HOST_BOOT_PREVIOUS
				  : HOST_BOOT_STANDARD;
	return 0;
}

/* A variable of one byte, behind four of attributes (Linux, efivarfs); -1: there is none. */
static int efi_flag(const struct host *host, const char *name)
{
	cleanup(close_file) FILE *file = NULL;
	autofree char *path = NULL;
	uint8_t value[5];

	if (asprintf(&path, "%s" EFI_VARIABLES "/%s-" EFI_GLOBAL, host->root, name) < 0) {
		path = NULL;
		return -1;
	}
	file = fopen(path, "re");
	if (!file || fread(value, 1, sizeof(value), file) != sizeof(value))
		return -1;
	return value[4];
}

bool host_enforces_secure_boot(const struct host *host)
{
	return efi_flag(host, "SecureBoot") == 1 && efi_flag(host, "SetupMode") != 1;
}
