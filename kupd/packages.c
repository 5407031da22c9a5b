/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "packages.h"

#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "installed.h"
#include "log.h"
#include "text.h"
#include "util.h"

extern char **environ;

static void destroy_attributes(posix_spawnattr_t *attributes)
{
	(void)posix_spawnattr_destroy(attributes);
}

static void destroy_actions(posix_spawn_file_actions_t *actions)
{
	(void)posix_spawn_file_actions_destroy(actions);
}

/*
 * Run a program and wait for it. Its output goes to standard error, our own may be JSON; the
 * signals that we block or ignore are as usual for it. Returns its exit code.
 */
static int run_program(char *const argv[])
{
	cleanup(destroy_actions) posix_spawn_file_actions_t actions;
	cleanup(destroy_attributes) posix_spawnattr_t attributes;
	sigset_t none, usual;
	int status, r;
	pid_t pid;

	log_debug("running %s %s", argv[0], argv[1] ? argv[1] : "");
	sigemptyset(&none);
	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE);
	sigaddset(&usual, SIGXFSZ);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &usual);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	r = posix_spawnp(&pid, argv[0], &actions, &attributes, argv, environ);
	if (r != 0)
		return -r;
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* The system that we run is the one whose packages may be put right. */
static bool is_own_system(const struct run *run)
{
	return run->options->target == STICK_RUNNING && !run->options->root[0] &&
	       !run->options->dry_run;
}

/* The process that holds a lock of dpkg's, 0 if none does. */
static pid_t holder(const char *root, const char *name)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	autofree char *path = text_new("%s/var/lib/dpkg/%s", root, name);
	autoclose int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0 || fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
		return 0;
	return lock.l_pid;
}

int packages_check_idle(const struct run *run)
{
	static const char *const locks[] = {"lock-frontend", "lock"};

	for (size_t i = 0; i < ARRAY_SIZE(locks); i++) {
		pid_t pid = holder(run->options->root, locks[i]);

		if (pid == 0)
			continue;
		log_error("apt or dpkg is at work (process %d): repair when it is done", (int)pid);
		return -ERR_BUSY;
	}
	return 0;
}

bool packages_finish(const struct run *run)
{
	/* Nobody is there to be asked which configuration file to keep. */
	char *argv[] = {"dpkg", "--force-confdef", "--force-confold", "--configure", "-a", NULL};
	int r;

	if (!is_own_system(run))
		return false;
	setenv("DEBIAN_FRONTEND", "noninteractive", 0);
	r = run_program(argv);
	if (r != 0)
		log_warning("dpkg --configure -a failed (%d), going on with what is there", r);
	return true;
}

static bool has_initrd(const char *root, const char *release)
{
	autofree char *path = installed_initrd(root, release);

	return path && access(path, R_OK) == 0;
}

/* live-tools diverts update-initramfs; the true one stands beside it. */
void packages_build_initrd(const struct run *run, char *release)
{
	static char diverted[] = "/usr/sbin/update-initramfs.orig.initramfs-tools";
	static char plain[] = "/usr/sbin/update-initramfs";
	char *argv[] = {plain, "-c", "-k", release, "-b", "/boot", NULL};
	int r;

	if (!is_own_system(run) || has_initrd("", release))
		return;
	if (access(diverted, X_OK) == 0)
		argv[0] = diverted;
	r = run_program(argv);
	if (r != 0)
		log_warning("cannot build an initrd for %s (%d)", release, r);
}
