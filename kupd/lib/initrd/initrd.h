/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * An initrd: cpio archives (newc), plain or compressed, one behind the other, as the kernel
 * unpacks them (Linux, Documentation/driver-api/early-userspace/buffer-format.rst).
 */

#include <stdbool.h>
#include <stddef.h>

/* What builds the initrd of a release ("%s"), also on a live system, which diverts the command of
 * that name: for messages. */
#define INITRD_BUILD "`$(dpkg-divert --truename /usr/sbin/update-initramfs) -c -k %s -b /boot`"

struct initrd;

/**
 * Read the initrd open at @fd (a plain file) to its last byte and note what it holds. All segments:
 * uncompressed (microcode), gzip, zstd, xz, lz4, lzma, bzip2, with zero padding between them.
 * @name is the path, for messages. @interrupted (may be NULL) is asked now and then; true ends
 * the reading with -EINTR. Reports what is wrong.
 * Returns -ERR_REFUSED if it is cut short or is no initrd; -errno of read(2).
 * The caller frees the result with initrd_free().
 */
int initrd_read(int fd, const char *name, bool (*interrupted)(void *data), void *data,
	struct initrd **ret_initrd);

void initrd_free(struct initrd *initrd);
void initrd_freep(struct initrd **initrd);

/**
 * Does it hold this path? @path has no leading slash and none of the merged-/usr variants: both
 * `sbin/cryptsetup` and `usr/sbin/cryptsetup` are found as "sbin/cryptsetup".
 */
bool initrd_has(const struct initrd *initrd, const char *path);

/** Does it hold a module of this name (`-` and `_` are the same, suffixes left out)? */
bool initrd_has_module(const struct initrd *initrd, const char *module);

/** The releases that it has a modules folder for; @ret_releases is owned by the initrd. */
size_t initrd_releases(const struct initrd *initrd, const char *const **ret_releases);

/**
 * A folder with the initrd's own modules.dep.bin, modules.builtin.bin and kin, below $TMPDIR or
 * /tmp until initrd_free(): what libkmod reads. NULL if the initrd has none.
 */
const char *initrd_module_index(const struct initrd *initrd);

/**
 * Check that this initrd can start a live system of @release: it has live-boot, the modules of that
 * release and of no other. Reports each thing that is missing. Returns -ERR_REFUSED.
 */
int initrd_check(const struct initrd *initrd, const char *name, const char *release);
