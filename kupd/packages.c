/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "packages.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/child.h"
#include "base/log.h"
#include "base/text.h"
#include "base/util.h"
#include "candidate/installed.h"

/* Only the packages of the running system may be repaired. */
static bool is_own_system(const struct kupd_run *run)
{
	return run->options->target == STICK_RUNNING && !run->options->root[0] &&
	       !run->options->dry_run;
}

/* The process that holds one of dpkg's locks, 0 if none does. */
static pid_t holder(const char *root, const char *name)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	autofree char *path = text_new("%s/var/lib/dpkg/%s", root, name);
	autoclose int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0 || fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
		return 0;
	return lock.l_pid;
}

int packages_check_idle(const struct kupd_run *run)
{
	static const char *const locks[] = {"lock-frontend", "lock"};

	for (size_t i = 0; i < ARRAY_SIZE(locks); i++) {
		pid_t pid = holder(run->options->root, locks[i]);

		if (pid == 0)
			continue;
		return refuse(-ERR_BUSY,
			"apt or dpkg is running (process %d): repair when it is done", (int)pid);
	}
	return 0;
}

bool packages_finish(const struct kupd_run *run)
{
	/* Nobody is there to be asked which configuration files to keep. */
	static const char *const argv[] = {
		"dpkg", "--force-confdef", "--force-confold", "--configure", "-a", NULL};
	int r;

	if (!is_own_system(run))
		return false;
	setenv("DEBIAN_FRONTEND", "noninteractive", 0);
	r = child_show(argv);
	if (r != 0)
		log_warning("dpkg --configure -a failed (%d), going on with what is there", r);
	return true;
}

static bool has_initrd(const char *root, const char *release)
{
	autofree char *path = installed_initrd(root, release);

	return path && access(path, R_OK) == 0;
}

/* live-tools diverts update-initramfs; the original is next to it. */
static int build_initrd(const char *release)
{
	static const char diverted[] = "/usr/sbin/update-initramfs.orig.initramfs-tools";
	const char *argv[] = {
		"/usr/sbin/update-initramfs", "-c", "-k", release, "-b", "/boot", NULL};

	if (access(diverted, X_OK) == 0)
		argv[0] = diverted;
	return child_show(argv);
}

void packages_build_initrd(const struct kupd_run *run, const char *release)
{
	int r;

	if (!is_own_system(run) || has_initrd("", release))
		return;
	r = build_initrd(release);
	if (r != 0)
		log_warning("cannot build an initrd for %s (%d)", release, r);
}

int packages_rebuild_initrd(const char *release)
{
	autofree char *path = text_new("/boot/initrd.img-%s", release);
	struct stat before = {0}, after = {0};
	int r;

	if (!path)
		return -ENOMEM;
	(void)stat(path, &before);
	/* Then our own hook leaves the writing to the caller. */
	setenv("LIVENG_WORKS", "1", 1);
	r = build_initrd(release);
	if (r > 0 && stat(path, &after) == 0 && after.st_ino != before.st_ino) {
		log_warning("update-initramfs failed (%d) after it had built the initrd, which is "
			    "used: a hook of another package",
			r);
		return 0;
	}
	if (r > 0)
		return refuse(-ERR_TOOL,
			"cannot build an initrd for %s (%d): update-initramfs "
			"says why",
			release, r);
	return r < 0 ? report(r, "cannot run update-initramfs") : 0;
}
