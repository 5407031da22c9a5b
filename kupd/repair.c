/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Bring the kernel partition back to a whole set, with what the system has: offline.
 * liveng-repair.service runs this after a fallback boot.
 */

#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "candidate.h"
#include "inventory.h"
#include "log.h"
#include "run.h"
#include "util.h"

extern char **environ;

/* Run a program and wait for it; its output goes where ours goes. Returns its exit code. */
static int run_program(char *const argv[])
{
	pid_t pid;
	int status, r;

	log_debug("running %s %s", argv[0], argv[1] ? argv[1] : "");
	r = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
	if (r != 0)
		return -r;
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* What an interrupted dpkg left, and with it our own hooks' work. */
static void finish_dpkg(const struct run *run)
{
	char *argv[] = {"dpkg", "--configure", "-a", NULL};
	int r;

	if (run->options->root[0] || run->options->dry_run)
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

	if (run->options->root[0] || run->options->dry_run)
		return;
	if (access(diverted, X_OK) == 0)
		argv[0] = diverted;
	r = run_program(argv);
	if (r != 0)
		log_warning("cannot build an initrd for %s (%d)", release, r);
}

static int is_whole(struct run *run, bool *ret_whole)
{
	cleanup(inventory_close) struct inventory inventory = {0};
	cleanup(stick_closep) struct stick *stick = NULL;
	int r;

	*ret_whole = false;
	r = run_open_stick(run, false, &stick);
	if (r < 0)
		return r;
	if (inventory_read(stick, &inventory) < 0 || !inventory.has_current)
		return 0;
	r = set_verify(stick->disk, &inventory.current, &run->observer);
	if (r == -EINTR)
		return r;
	/* Boots left to 0 is a set that did not come up, whole or not. */
	*ret_whole = r == 0 && stick_tries(stick) != 0;
	if (*ret_whole)
		log_info("%s: the current kernel set, %s, is whole, nothing to repair", stick->name,
			inventory.current.release);
	return 0;
}

int repair_verb(struct run *run)
{
	char release[KERNEL_RELEASE_MAX], older[KERNEL_RELEASE_MAX];
	const char *root = run->options->root;
	bool whole;
	int r;

	finish_dpkg(run);
	r = is_whole(run, &whole);
	if (r < 0 || whole)
		return r;

	/* The newest that passes the checks. */
	for (r = candidate_newest(root, NULL, release); r == 0;
		r = candidate_newest(root, older, release)) {
		if (!has_initrd(root, release))
			build_initrd(run, release);
		r = update_run(run, release, true);
		if (r != -ERR_REFUSED)
			return r;
		memcpy(older, release, sizeof(older));
	}
	log_error(
		"no kernel in %s/boot can be written: install one with apt, then try again", root);
	return -ERR_REFUSED;
}
