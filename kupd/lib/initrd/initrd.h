/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * An initrd: cpio archives (newc), plain or compressed, one after another, as the kernel unpacks
 * them (Linux, Documentation/driver-api/early-userspace/buffer-format.rst).
 */

#include <stdbool.h>
#include <stddef.h>

/* For messages: the command that builds the initrd of a release ("%s"), even on a live system,
 * where update-initramfs itself is diverted. */
#define INITRD_BUILD "`$(dpkg-divert --truename /usr/sbin/update-initramfs) -c -k %s -b /boot`"

struct initrd;

/**
 * Read the initrd open at @fd (a regular file) to its last byte and record what it contains.
 * Handles all segments: uncompressed (microcode), gzip, zstd, xz, lz4, lzma, bzip2, with zero
 * padding between them. @name is the path, for messages. @interrupted (may be NULL) is polled now
 * and then; true stops the reading with -EINTR. Reports what is wrong. Returns -ERR_REFUSED if it
 * is truncated or not an initrd; -errno of read(2). The caller frees the result with initrd_free().
 */
int initrd_read(int fd, const char *name, bool (*interrupted)(void *data), void *data,
	struct initrd **ret_initrd);

void initrd_free(struct initrd *initrd);
void initrd_freep(struct initrd **initrd);

/**
 * Does it contain this path? @path has no leading slash and does not depend on merged /usr: both
 * `sbin/cryptsetup` and `usr/sbin/cryptsetup` are found as "sbin/cryptsetup".
 */
bool initrd_has(const struct initrd *initrd, const char *path);

/** Does it contain just this path, whatever merged /usr would make of it? */
bool initrd_has_exactly(const struct initrd *initrd, const char *path);

/**
 * Where a new file belongs for the initrd to have it as @path (no leading slash, no "usr/"): below
 * what a link in the root leads to ("lib" to "usr/lib"), or in usr/ if just that has the folder.
 * Returns -ERR_TOO_LARGE if it does not fit into @size bytes.
 */
int initrd_place(const struct initrd *initrd, const char *path, char *ret_path, size_t size);

/** Call @found with each of its paths that begins with @start, as initrd_has() knows it; a negative
 * errno stops the walk and is returned. */
int initrd_walk(const struct initrd *initrd, const char *start,
	int (*found)(void *data, const char *path), void *data);

/** How its last compressed segment is compressed ("zstd"); NULL: none is. */
const char *initrd_packing(const struct initrd *initrd);

/** How its compressed segments are compressed, each format once; @ret_formats is owned by the
 * initrd. */
size_t initrd_packings(const struct initrd *initrd, const char *const **ret_formats);

/** Does it contain a module of this name (`-` and `_` are the same, suffixes do not count)? */
bool initrd_has_module(const struct initrd *initrd, const char *module);

/** The releases for which it has a modules folder; @ret_releases is owned by the initrd. */
size_t initrd_releases(const struct initrd *initrd, const char *const **ret_releases);

/**
 * A folder with the initrd's own modules.dep.bin, modules.builtin.bin and so on, below $TMPDIR or
 * /tmp until initrd_free(), for libkmod. NULL if the initrd has none.
 */
const char *initrd_module_index(const struct initrd *initrd);

/**
 * Check that this initrd can start a live system of @release: it has live-boot and the modules of
 * that release and no other. Reports everything that is missing. Returns -ERR_REFUSED.
 */
int initrd_check(const struct initrd *initrd, const char *name, const char *release);
