/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A kernel image: an x86 bzImage (Linux boot protocol 2.08 or later) or an arm64 Image.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KERNEL_RELEASE_MAX 128u /* including the final 0; utsname has 65 */

struct kernel {
	char release[KERNEL_RELEASE_MAX]; /* what `uname -r` will print */
	const char *machine;		  /* "x86", "arm64": static text */
	bool is_signed;			  /* has a Secure Boot (Authenticode) signature */
};

/**
 * Read the kernel image open at @fd (a regular file, any position) and check that it is complete
 * and undamaged: the sizes in its header, and the content against its signature's digest if it is
 * signed, otherwise against the CRC-32 at the end of a bzImage (an unsigned arm64 Image has none,
 * and neither has a bzImage since Linux 6.15). The signature itself is not verified: it serves to
 * detect damage, not to establish trust. @name is the path, for messages. Reports what is wrong.
 * Returns -ERR_REFUSED if it is not a kernel or not complete; -errno of read(2).
 */
int kernel_read(int fd, const char *name, struct kernel *ret_kernel);

/** Could @length bytes of @text be a release: only ASCII letters, digits and "+-._~", so that it
 * can be part of a file name and of a command line? */
bool kernel_is_release(const char *text, size_t length);

/**
 * The release of the image whose first bytes are @head, without checking the rest: for a kernel
 * already on a stick. 64 KiB are enough for a bzImage. Does not report. Returns -ERR_FOREIGN if
 * they contain no version string.
 */
int kernel_release(const void *head, uint64_t size, char ret_release[KERNEL_RELEASE_MAX]);
