/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Bring the kernel partition back to a whole set, with what the system has: offline.
 * liveng-repair.service runs this after a fallback boot.
 */

#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "assessment.h"
#include "candidate.h"
#include "inventory.h"
#include "log.h"
#include "run.h"
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

/* What an interrupted dpkg left, and with it our own hooks' work. */
static void finish_dpkg(const struct run *run)
{
	char *argv[] = {"dpkg", "--configure", "-a", NULL};
	int r;

	if (!is_own_system(run))
		return;
	r = run_program(argv);
	if (r != 0)
		log_warning("dpkg --configure -a failed (%d), going on with what is there", r);
}

static bool has_initrd(const char *root, const char *release)
{
	autofree char *path = NULL;

	return asprintf(&path, "%s/boot/initrd.img-%s", root, release) >= 0 &&
	       access(path, R_OK) == 0;
}

/* live-tools diverts update-initramfs; the true one stands beside it. */
static void build_initrd(const struct run *run, char *release)
{
	static char diverted[] = "/usr/sbin/update-initramfs.orig.initramfs-tools";
	static char plain[] = "/usr/sbin/update-initramfs";
	char *argv[] = {plain, "-c", "-k", release, "-b", "/boot", NULL};
	int r;

	if (!is_own_system(run))
		return;
	if (access(diverted, X_OK) == 0)
		argv[0] = diverted;
	r = run_program(argv);
	if (r != 0)
		log_warning("cannot build an initrd for %s (%d)", release, r);
}

/* What has to be done: nothing, or the newest set, or one older than what did not come up. */
static int diagnose(struct run *run, bool *ret_whole, char ret_failed[KERNEL_RELEASE_MAX])
{
	cleanup(inventory_close) struct inventory inventory = {0};
	cleanup(stick_closep) struct stick *stick = NULL;
	int r;

	r = run_open_stick(run, false, &stick);
	if (r == 0)
		r = inventory_read(stick, &inventory);
	if (r < 0)
		return r;
	*ret_whole = false;
	ret_failed[0] = 0;
	if (!inventory.has_current)
		return 0;
	/* No boots left is a set that did not come up, whole or not. */
	if (assessment_tries(stick) == 0) {
		snprintf(ret_failed, KERNEL_RELEASE_MAX, "%s", inventory.current.release);
		return 0;
	}
	r = set_verify(stick->disk, &inventory.current, &run->observer);
	if (r == -EINTR)
		return r;
	*ret_whole = r == 0 || r == -ENOKEY;
	return 0;
}

int repair_verb(struct run *run)
{
	char release[KERNEL_RELEASE_MAX], older[KERNEL_RELEASE_MAX];
	const char *root = run->options->root;
	bool whole;
	int r;

	/* First of all: is there a stick? */
	r = diagnose(run, &whole, older);
	if (r < 0)
		return r;
	finish_dpkg(run);
	r = diagnose(run, &whole, older);
	if (r < 0)
		return r;
	if (whole) {
		log_info("the current kernel set is whole, nothing to repair");
		return 0;
	}
	if (older[0])
		log_info("%s did not come up, looking for an older kernel", older);

	/* The newest that passes the checks. */
	while (candidate_newest(root, older[0] ? older : NULL, release) == 0) {
		if (!has_initrd(root, release))
			build_initrd(run, release);
		r = update_run(run, release, true);
		if (r != -ERR_REFUSED)
			return r;
		memcpy(older, release, sizeof(older));
	}
	if (older[0])
		log_error(
			"%s/boot has no kernel older than %s that can be written: install one with "
			"apt, then try again",
			root, older);
	else
		log_error("%s/boot has no kernel: install one with apt, then try again", root);
	return -ERR_REFUSED;
}
