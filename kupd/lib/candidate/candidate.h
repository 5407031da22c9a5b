/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A kernel set that could be written: the kernel and initrd files of an installed system.
 */

#include <stdbool.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/observer.h"
#include "disk/luks.h"
#include "kernel/kernel.h"
#include "machine/host.h"

struct candidate {
	char release[KERNEL_RELEASE_MAX];
	char *kernel_path;
	char *initrd_path;
	char *config_path; /* NULL: there is none */
	int kernel_fd;
	int initrd_fd;
	struct stat kernel_stat; /* when they were opened */
	struct stat initrd_stat;
	uint64_t kernel_size; /* bytes */
	uint64_t initrd_size;
	char kernel_sum[DIGEST_TEXT]; /* after candidate_digest() */
	char initrd_sum[DIGEST_TEXT];
};

/* Where to look; NULL for what was not given. */
struct candidate_source {
	const char *root;    /* of the installed system; "" for this one */
	const char *release; /* NULL: that of @kernel if given, else the newest installed */
	const char *like;    /* of the flavour of this release, if there is one */
	const char *kernel;
	const char *initrd;
};

/**
 * Find and open the files of a set: ROOT/boot/vmlinuz-RELEASE, else
 * ROOT/usr/lib/modules/RELEASE/vmlinuz; ROOT/boot/initrd.img-RELEASE; and of a kernel that has one,
 * its configuration: installed_config(), or config-RELEASE next to the kernel that was given.
 * Reports. Returns -ERR_REFUSED if there is no set, or a file is missing or empty; -errno. The
 * caller frees the candidate with candidate_free().
 */
int candidate_find(const struct candidate_source *source, struct candidate **ret_candidate);

/** Is the file @path still the one that was opened as @fd with the status @before? */
bool candidate_file_is_unchanged(const char *path, int fd, const struct stat *before);

/**
 * Check that both files are still the ones that were opened, and unmodified since. Reports one that
 * is not. Returns -ERR_SOURCE then, which is not a refusal: its content may already be on the
 * stick.
 */
int candidate_check_unchanged(const struct candidate *candidate);

void candidate_free(struct candidate *candidate);
void candidate_freep(struct candidate **candidate);

/** Read both files and record their digests. Reports. Returns -EINTR; -errno of reading. */
int candidate_digest(struct candidate *candidate, const struct observer *observer);

/**
 * Check that the set can start this stick: the kernel (kernel_read()), of that release, signed if
 * @host (may be NULL) enforces Secure Boot; the initrd (initrd_read(), initrd_check()); what the
 * kernel was built to do, if it has a configuration (abilities_check()); the modules
 * (modules_check()), with @luks (may be NULL) also those for encrypted persistence. Reports
 * everything that is wrong; a configuration that cannot be read is only a warning. Returns
 * -ERR_REFUSED; -EINTR; -errno of reading.
 */
int candidate_check(const struct candidate *candidate, const struct host *host,
	const struct luks *luks, const struct observer *observer);

/** Does the kernel have a Secure Boot signature, going by its headers? */
bool candidate_is_signed(const struct candidate *candidate);
