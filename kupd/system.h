/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The installed system that runs from the stick: what it has of the kernels that the stick boots,
 * and of others.
 */

#include "inventory.h"

/** Are the modules of @release installed there? True if the system is not known
 * (run_knows_system()). */
bool system_has_modules(const struct kupd_run *run, const char *release);

/** Refuse to boot @release of @stick if they are not, except with --force. Reports. Returns
 * -ERR_REFUSED. */
int system_check_modules(
	const struct kupd_run *run, const struct stick *stick, const char *release);

/** The release of the set that the fallback boots, from the live medium. Returns -ENOENT if that is
 * not mounted there; -errno. */
int system_factory_release(const struct kupd_run *run, char ret_release[KERNEL_RELEASE_MAX]);

/** The kernel packages that apt does not upgrade because they are on hold, separated by spaces; ""
 * if there are none or that is not known. NULL: no memory. The caller frees it. */
char *system_held_kernels(const struct kupd_run *run);

/**
 * Installed kernels, separated by spaces, that are older than the current set and that nothing
 * boots: no set, not the fallback, not this boot. Those that the image has do not count, they take
 * no room. And the space that they take, in bytes. NULL: no memory. The caller frees it.
 */
char *system_old_kernels(
	const struct kupd_run *run, const struct inventory *inventory, uint64_t *ret_bytes);

/** The installed packages of the kernels @releases, both separated by spaces; "" if dpkg knows of
 * none. NULL: no memory. The caller frees it. */
char *system_packages_of(const struct kupd_run *run, const char *releases);
