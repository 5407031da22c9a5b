/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "live.h"

#include <string.h>
#include <sys/sysmacros.h>

#include "base/log.h"
#include "base/text.h"
#include "base/util.h"
#include "cmdline.h"
#include "mounts.h"
#include "udev.h"

/* Where live-boot mounts them; the second of each is from before Debian 10. */
static const char *const medium_points[] = {"/run/live/medium", "/lib/live/mount/medium"};
static const char *const persistence_folders[] = {
	"/run/live/persistence/", "/lib/live/mount/persistence/"};

#define LIVE_MEDIA "live-media="
#define PARTUUIDS  "/dev/disk/by-partuuid/"

/* Add the disks beneath a mount; none if it lies in memory. */
static int add_mount(const struct host *host, const struct mount *mount, struct device_disks *disks)
{
	dev_t devno = mount->devno;
	int r;

	/* btrfs has device numbers of its own; only the source names the real device. */
	if (major(devno) == 0 && strncmp(mount->source, "/dev/", 5) == 0 &&
		device_find(host->root, mount->source, &devno) < 0)
		return 0;
	r = device_add_disks(host->root, devno, disks);
	if (r < 0)
		return report(r, "%s: cannot find out which disk this mount is on", mount->target);
	return 0;
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

/*
 * The disks with the partition that the kernel command line names: none if it names none or the
 * partition does not exist; more than one if a stick was copied. udev's symlink may lead to any of
 * those.
 */
static int add_named(const struct host *host, struct device_disks *disks)
{
	autofree char *line = NULL;
	char *cursor, *word, *name = NULL;
	dev_t devno;
	int r;

	if (cmdline_read(host->root, &line) < 0)
		return 0;
	/* The last one counts, as in live-boot. */
	cursor = line;
	while ((word = cmdline_next(&cursor)))
		if (strncmp(word, LIVE_MEDIA PARTUUIDS, strlen(LIVE_MEDIA PARTUUIDS)) == 0)
			name = word + strlen(LIVE_MEDIA);
	if (!name || device_find(host->root, name, &devno) < 0)
		return 0;
	r = device_add_disks(host->root, devno, disks);
	if (r == 0)
		r = udev_add_disks(host, "ID_PART_ENTRY_UUID", name + strlen(PARTUUIDS), disks);
	if (r < 0)
		return report(r, "%s: cannot find out which disk it is on", name);
	return 0;
}

static bool contains(const struct device_disks *disks, dev_t disk)
{
	for (size_t i = 0; i < disks->n; i++)
		if (disks->list[i] == disk)
			return true;
	return false;
}

/* What is known of the disks of a live system. */
struct origin {
	struct device_disks medium, persistence, named;
};

static int read_origin(const struct host *host, struct origin *ret_origin)
{
	cleanup(mounts_free) struct mounts mounts = {0};
	struct origin origin = {0};
	int r;

	r = mounts_read(host->root, &mounts);
	if (r < 0)
		return report(r, "cannot read the mount table %s/proc/self/mountinfo", host->root);
	r = add_medium(host, &mounts, &origin.medium);
	if (r == 0)
		r = add_persistence(host, &mounts, &origin.persistence);
	if (r == 0)
		r = add_named(host, &origin.named);
	if (r == 0)
		*ret_origin = origin;
	return r;
}

/* A disk's device node, for a message. NULL: no memory. The caller frees it. */
static char *name_of(const struct host *host, dev_t disk)
{
	char *name;

	if (device_node(host->root, disk, &name) == 0)
		return name;
	return text_new("%u:%u", major(disk), minor(disk));
}

static int report_doubt(const struct host *host, const char *what, dev_t one, dev_t other)
{
	autofree char *first = name_of(host, one);
	autofree char *second = name_of(host, other);

	if (!first || !second)
		return -ENOMEM;
	return refuse(-ERR_REFUSED,
		"cannot tell which stick the system runs from: %s %s and %s: name it with --disk",
		what, first, second);
}

/* The disk of the stick, by its number. */
static int choose(const struct host *host, const struct origin *origin, dev_t *ret_stick)
{
	const bool is_medium = origin->medium.n > 0;
	const struct device_disks *disks = is_medium ? &origin->medium : &origin->persistence;
	const struct device_disks *named = &origin->named;

	if (disks->n == 0 && named->n == 0)
		return refuse(-ERR_NOT_STICK,
			"no stick found that the system runs from, neither live medium nor "
			"persistence is on a disk: name the stick with --disk");
	/* A mounted medium is beyond doubt. Persistence may lie anywhere. */
	if (is_medium && disks->n == 1)
		*ret_stick = disks->list[0];
	else if (named->n > 1)
		return report_doubt(host, "the partition it was booted from has a copy, it is on",
			named->list[0], named->list[1]);
	else if (named->n == 1 && (disks->n == 0 || contains(disks, named->list[0])))
		*ret_stick = named->list[0];
	else if (disks->n > 1)
		return report_doubt(host,
			is_medium ? "its medium lies on" : "there is persistence on",
			disks->list[0], disks->list[1]);
	else if (named->n == 1)
		return report_doubt(host,
			"its persistence and the medium it was booted from are on", disks->list[0],
			named->list[0]);
	else
		*ret_stick = disks->list[0];
	return 0;
}

int live_find_stick(const struct host *host, char **ret_path)
{
	struct origin origin;
	dev_t stick = 0;
	int r;

	r = read_origin(host, &origin);
	if (r == 0)
		r = choose(host, &origin, &stick);
	if (r < 0)
		return r;
	r = device_node(host->root, stick, ret_path);
	if (r < 0)
		return report(
			r, "cannot find the device node of disk %u:%u", major(stick), minor(stick));
	return 0;
}

static int add_all(
	const struct host *host, const struct device_disks *from, struct device_disks *to)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < from->n; i++)
		r = device_add_disks(host->root, from->list[i], to);
	if (r < 0)
		return report(r, "cannot find all disks of the running system");
	return 0;
}

int live_disks(const struct host *host, struct device_disks *ret_disks)
{
	struct device_disks disks = {0};
	bool is_told = false; /* whether we know which disk with the named partition it is */
	struct origin origin;
	int r;

	r = read_origin(host, &origin);
	if (r < 0)
		return r;
	for (size_t i = 0; i < origin.medium.n; i++)
		is_told |= contains(&origin.named, origin.medium.list[i]);
	r = add_all(host, &origin.medium, &disks);
	if (r == 0)
		r = add_all(host, &origin.persistence, &disks);
	if (r == 0 && !is_told)
		r = add_all(host, &origin.named, &disks);
	if (r == 0)
		*ret_disks = disks;
	return r;
}
