/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "target.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/size.h"
#include "base/util.h"

#define LOCK_TIMEOUT_MS 2000
#define PIECE		MIB /* of a file, to read at once */

/* If it cannot be opened, the contents are unknown. For a file that is fatal; for a disk
 * target_check() reports it, after more serious reasons. */
static int read_contents(struct target *target)
{
	cleanup(disk_closep) struct disk *disk = NULL;
	int r;

	target->holds_data = true;
	r = disk_open(target->path, false, &disk);
	if (r < 0 && target->kind == TARGET_DRIVE) {
		target->open_error = r;
		return 0;
	}
	if (r < 0)
		return report(r, "%s: cannot open it", target->path);
	target->contents.error = contents_read(disk, &target->contents);
	/* A file may be one large hole; a disk never is. */
	if (target->kind == TARGET_FILE)
		target->holds_data = lseek(disk_fd(disk), 0, SEEK_DATA) >= 0;
	return 0;
}

/* Examine an existing file. A symlink is refused: it could be somebody else's. */
static int read_file(const struct stat *st, uint64_t new_size, struct target *target)
{
	struct stat link;

	if (lstat(target->path, &link) < 0)
		return report(-errno, "%s: cannot examine it", target->path);
	if (S_ISLNK(link.st_mode))
		return refuse(-ERR_REFUSED, "%s: is a symlink to a file: name the file itself",
			target->path);
	target->kind = TARGET_FILE;
	target->size = new_size ? new_size : (uint64_t)st->st_size;
	target->file_size = (uint64_t)st->st_size;
	target->file_dev = st->st_dev;
	target->file_inode = st->st_ino;
	if (target->size == 0)
		return refuse(
			-ERR_REFUSED, "%s: is empty: give its size with --size", target->path);
	return st->st_size > 0 ? read_contents(target) : 0;
}

static int read_drive(
	const struct host *host, dev_t devno, uint64_t new_size, struct target *target)
{
	int r;

	if (new_size)
		return refuse(-ERR_REFUSED,
			"%s: is a disk, and --size is only for image files: omit it", target->path);
	r = drive_read(host, devno, &target->drive);
	if (r < 0)
		return report(r, "%s: cannot identify the disk", target->path);
	target->kind = TARGET_DRIVE;
	target->size = target->drive.size;
	return read_contents(target);
}

int target_read(
	const struct host *host, const char *path, uint64_t new_size, struct target *ret_target)
{
	struct target target = {.path = path};
	struct stat st;
	int r;

	if (stat(path, &st) == 0) {
		if (S_ISBLK(st.st_mode)) {
			r = read_drive(host, st.st_rdev, new_size, &target);
		} else if (S_ISREG(st.st_mode)) {
			r = read_file(&st, new_size, &target);
		} else {
			r = refuse(-ERR_REFUSED, "%s: is neither a disk nor an image file", path);
		}
	} else if (errno != ENOENT) {
		r = report(-errno, "%s: cannot examine it", target.path);
	} else if (strncmp(path, "/dev/", 5) == 0) {
		r = refuse(-ENOENT, "%s: no such disk: list the disks with `liveng-deploy list`",
			path);
	} else if (lstat(path, &st) == 0) {
		r = refuse(-ERR_REFUSED, "%s: is a dangling symlink: name the file itself", path);
	} else if (new_size == 0) {
		r = refuse(-ENOENT, "%s: does not exist: create it with --size", path);
	} else {
		target.kind = TARGET_NEW;
		target.size = new_size;
		r = 0;
	}
	if (r == 0)
		*ret_target = target;
	return r;
}

bool target_is_same(const struct target *one, const struct target *other)
{
	if (one->kind != other->kind)
		return false;
	if (one->kind == TARGET_DRIVE)
		return one->drive.devno == other->drive.devno;
	if (one->kind == TARGET_FILE)
		return one->file_dev == other->file_dev && one->file_inode == other->file_inode;
	return strcmp(one->path, other->path) == 0;
}

static bool is_file(const struct target *target, const struct stat *st)
{
	return st->st_dev == target->file_dev && st->st_ino == target->file_inode;
}

bool target_is_at(const struct target *target, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return false;
	if (target->kind == TARGET_DRIVE)
		return S_ISBLK(st.st_mode) && st.st_rdev == target->drive.devno;
	return target->kind == TARGET_FILE && is_file(target, &st);
}

/* Does it hold something other than a stick or bytes that are all the same, such as zeros? */
static bool holds_other(const struct target *target)
{
	cleanup(disk_closep) struct disk *disk = NULL;
	autofree uint8_t *piece = malloc(PIECE);
	uint64_t size;

	if (!target->holds_data || target->contents.is_stick)
		return false;
	if (!piece || disk_open(target->path, false, &disk) < 0)
		return true;
	size = disk_size(disk);
	for (uint64_t at = 0; at < size; at += PIECE) {
		size_t n = (size_t)MIN(size - at, PIECE);

		if (disk_read(disk, at, piece, n) < 0)
			return true;
		if (piece[0] != 0 || memcmp(piece, piece + 1, n - 1) != 0)
			return true;
	}
	return false;
}

/* If the file holds something else, it may have been named by mistake: then more room does not
 * help. */
static int report_size(const struct target *target, uint64_t needed)
{
	char has[SIZE_TEXT], needs[SIZE_TEXT], enough[SIZE_TEXT];

	size_texts(target->size, needed, has, needs);
	size_option(needed, enough);
	if (holds_other(target))
		return refuse(-ERR_NO_ROOM,
			"%s: is not a liveng stick and too small (%s of %s): choose another "
			"file, or "
			"overwrite it with --size %s",
			target->path, has, needs, enough);
	return refuse(-ERR_NO_ROOM, "%s: has %s, but %s are needed: give --size %s", target->path,
		has, needs, enough);
}

/* Can a new file be created there? */
static int check_folder(const struct target *target)
{
	const char *end = strrchr(target->path, '/');
	size_t length = end == target->path ? 1 : end ? (size_t)(end - target->path) : 0;
	autofree char *folder = end ? strndup(target->path, length) : strdup(".");

	if (!folder)
		return -ENOMEM;
	return access(folder, W_OK | X_OK) < 0
		       ? report(-errno, "%s: cannot create the file", target->path)
		       : 0;
}

static int check_file(
	const struct host *host, const struct target *target, const struct drive_rules *rules)
{
	char loop[HOST_LOOP_TEXT];

	if (target->size < rules->needed)
		return report_size(target, rules->needed);
	if (target->kind != TARGET_FILE)
		return check_folder(target);
	if (access(target->path, W_OK) < 0)
		return report(-errno, "%s: cannot write to it", target->path);
	if (host_find_loop(host, target->file_dev, target->file_inode, loop))
		return refuse(-ERR_BUSY,
			"%s: is attached as /dev/%s: detach it first (losetup --detach)",
			target->path, loop);
	return 0;
}

int target_check(
	const struct host *host, const struct target *target, const struct drive_rules *rules)
{
	struct refusal refusal;
	int r;

	if (target->kind != TARGET_DRIVE)
		return check_file(host, target, rules);
	r = refusal_find(host, &target->drive, rules, &refusal);
	if (r < 0)
		return r;
	if (refusal.error < 0)
		return refuse(
			refusal.error, "%s: %s: %s", target->path, refusal.reason, refusal.way_out);
	if (target->open_error == -EACCES)
		return refuse(target->open_error,
			"%s: cannot open it: only root can write to a disk", target->path);
	return target->open_error < 0
		       ? report(target->open_error, "%s: cannot open it", target->path)
		       : 0;
}

/* The name must not exist: not even a dangling symlink is followed. */
static int make_file(struct target *target)
{
	autoclose int fd = -1;
	struct stat st;

	fd = open(target->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0 && errno == EEXIST)
		return refuse(-ERR_REFUSED,
			"%s: did not exist before, but does now: nothing was written, start again",
			target->path);
	if (fd < 0 || fstat(fd, &st) < 0)
		return report(errno == ENOSPC ? -ERR_NO_ROOM : -errno, "%s: cannot create the file",
			target->path);
	target->file_dev = st.st_dev;
	target->file_inode = st.st_ino;
	target->is_made = true;
	return 0;
}

static int report_other(const struct target *target)
{
	char text[256];

	drive_describe(&target->drive, text, sizeof(text));
	return refuse(-ERR_REFUSED,
		"%s: is no longer the disk that was examined (%s): nothing was written, start "
		"again",
		target->path, text);
}

/* The node may belong to a different disk now, or the drive may have a different medium. */
static int check_drive(const struct host *host, const struct target *target)
{
	const struct disk *disk = target->disk;
	struct drive now;
	uint64_t diskseq;
	int r;

	if (disk_devno(disk) != target->drive.devno || disk_size(disk) != target->drive.size)
		return report_other(target);
	if (ioctl(disk_fd(disk), BLKGETDISKSEQ, &diskseq) == 0 && target->drive.diskseq &&
		diskseq != target->drive.diskseq)
		return report_other(target);
	r = drive_read(host, target->drive.devno, &now);
	if (r < 0)
		return report(r, "%s: cannot identify the disk", target->path);
	return drive_is_same(&target->drive, &now) ? 0 : report_other(target);
}

/* The name may belong to a different file now, or the file may have been removed by the previous
 * holder of the lock; and if it got data since, nobody was asked about that. */
static int check_same_file(const struct target *target)
{
	const int fd = disk_fd(target->disk);
	struct stat opened, named;

	if (fstat(fd, &opened) < 0)
		return report(-errno, "%s: cannot examine it", target->path);
	if (is_file(target, &opened) && lstat(target->path, &named) == 0 &&
		is_file(target, &named) && (target->holds_data || lseek(fd, 0, SEEK_DATA) < 0))
		return 0;
	return refuse(-ERR_REFUSED,
		"%s: is no longer the file that was examined: nothing was written, start again",
		target->path);
}

/* udev locks a drive for a moment. Whoever locks a file with data is changing what the user was
 * asked about; that an empty one has got some, check_same_file() sees. */
static int claim(struct target *target)
{
	const int timeout = target->kind == TARGET_FILE && target->holds_data ? 0 : LOCK_TIMEOUT_MS;
	int r;

	r = disk_claim(target->disk);
	if (r == 0)
		r = disk_lock(target->disk, timeout, NULL);
	if (r == -ERR_BUSY)
		return refuse(
			r, "%s: is in use by another program: close that first", target->path);
	return r < 0 ? report(r, "%s: cannot get exclusive use of it", target->path) : 0;
}

int target_open(const struct host *host, struct target *target)
{
	int r;

	if (target->kind == TARGET_NEW) {
		r = make_file(target);
		if (r < 0)
			return r;
	}
	r = disk_open(target->path, true, &target->disk);
	if (r < 0)
		return report(r, "%s: cannot open it for writing", target->path);
	r = claim(target);
	/* Another process was quicker to lock the new file: leave the file to it. */
	if (r == -ERR_BUSY)
		target_keep(target);
	if (r == 0)
		r = target->kind == TARGET_DRIVE ? check_drive(host, target)
						 : check_same_file(target);
	return r == 0 && target->kind == TARGET_NEW ? target_resize(target) : r;
}

int target_resize(struct target *target)
{
	int r;

	if (target->kind == TARGET_DRIVE || disk_size(target->disk) == target->size)
		return 0;
	r = disk_resize(target->disk, target->size);
	return r < 0 ? report(r, "%s: cannot set its size", target->path) : 0;
}

void target_keep(struct target *target)
{
	target->is_made = false;
}

void target_close(struct target *target)
{
	struct stat st;

	/* While it is still locked: a process waiting for the lock must not go on with a file that
	 * is then removed. */
	if (target->is_made && lstat(target->path, &st) == 0 && is_file(target, &st))
		(void)unlink(target->path);
	target->is_made = false;
	disk_close(steal_pointer(target->disk));
}
