/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A kernel set in a volume: kernel, initrd, their release and checksums.
 */

#include "base/digest.h"
#include "base/observer.h"
#include "iso/volume.h"
#include "kernel/kernel.h"

#define KERNELSET_FOLDER  "live"
#define KERNELSET_KERNEL  "vmlinuz"
#define KERNELSET_INITRD  "initrd.img"
#define KERNELSET_RELEASE "release"
#define KERNELSET_SUMS	  "SHA256SUMS"
#define KERNELSET_MENU	  "release.env" /* the release again, in a form GRUB can read */
#define KERNELSET_OLD	  ".old"	/* suffix of the previous set's names */

enum kernelset_which { KERNELSET_CURRENT, KERNELSET_PREVIOUS };

struct kernelset {
	char release[KERNEL_RELEASE_MAX];
	struct volume_file kernel;
	struct volume_file initrd;
	bool has_release; /* the volume states it; otherwise it was read from the kernel */
	bool has_sums;	  /* the volume has their digests */
	char kernel_sum[DIGEST_TEXT];
	char initrd_sum[DIGEST_TEXT];
	struct volume_file release_text; /* with has_release */
	struct volume_file menu_text;	 /* size 0: there is none */
	char release_sum[DIGEST_TEXT];	 /* with has_release and has_sums */
};

/**
 * Find a set in @volume, reading only its small files. On old sticks a set has no release file and
 * no checksums: then the release is the one in the kernel, or "unknown". Does not report. Returns
 * -ENOENT if there is none; -ERR_DAMAGED if its small files are damaged.
 */
int kernelset_read(
	const struct volume *volume, enum kernelset_which which, struct kernelset *ret_set);

/** Kernel and initrd together, in bytes. */
uint64_t kernelset_size(const struct kernelset *set);

/** Are these the same files: same extents, same content? */
bool kernelset_is_same(const struct kernelset *a, const struct kernelset *b);

/** Does any file of the set lie, wholly or in part, in @extent (bytes on the disk)? */
bool kernelset_touches(const struct kernelset *set, struct extent extent);

/**
 * Read kernel and initrd bypassing the cache and give their digests. Notifies @observer of
 * "reading". Does not report. Returns -EINTR; -errno of reading.
 */
int kernelset_digest(const struct disk *disk, const struct kernelset *set,
	const struct observer *observer, char ret_kernel_sum[DIGEST_TEXT],
	char ret_initrd_sum[DIGEST_TEXT]);

/**
 * Check that kernel, initrd and release have the digests stated in the volume, and that the boot
 * menu reads the same release. Everything is read bypassing the cache. Does not report. Returns
 * -ERR_VERIFY if not; -ERR_NO_SUMS if there are no digests; kernelset_digest()'s errors.
 */
int kernelset_verify(
	const struct disk *disk, const struct kernelset *set, const struct observer *observer);

/**
 * The text of SHA256SUMS for a set of @release with these digests, for `sha256sum -c` in the
 * folder. The caller frees it. Returns -ENOMEM.
 */
int kernelset_sums_text(
	const char *release, const char *kernel_sum, const char *initrd_sum, char **ret_text);

/** The text of the release file. The caller frees it. Returns -ENOMEM. */
int kernelset_release_text(const char *release, char **ret_text);

/** The text from which the boot menu reads the release: an environment block that sets
 * `liveng_release`. @release may end with a newline. The caller frees it. Returns -ENOMEM. */
int kernelset_menu_text(const char *release, char **ret_text);

/** Does @error, of reading or verifying a set, mean that the set is of no use? Otherwise it could
 * not be examined, which says nothing about it: no memory, a device that is gone, an interruption.
 */
bool kernelset_is_lost(int error);
