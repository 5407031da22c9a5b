/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Errors. Functions return 0 or a negative number: errno's, where a system call failed or errno has
 * the very meaning (-ENOENT, -ENOMEM, -EINTR), or one of the library's own, above all of errno's.
 * No error of a system call can pass for one of these; where it means the same, the function that
 * made the call says so (disk_write() returns -ERR_NO_ROOM for its ENOSPC).
 */

#define ERROR_ERRNO_MAX 4095 /* the kernel's MAX_ERRNO */

enum error {
	/* Those that a program's exit status tells apart. */
	ERR_NOT_STICK = ERROR_ERRNO_MAX + 1, /* the target is not a liveng stick */
	ERR_REFUSED,			     /* a check before the first byte said no */
	ERR_NO_ROOM,			     /* the target is too small */
	ERR_VERIFY,			     /* what was read back, or is stored, is damaged */
	ERR_BUSY,			     /* another program uses the target */

	/* Those that only the caller tells apart. */
	ERR_DAMAGED,	 /* what was read contradicts itself */
	ERR_FOREIGN,	 /* it is not of the kind that was expected */
	ERR_SHORT,	 /* it ends before what was asked for */
	ERR_TOO_LARGE,	 /* it is larger than is allowed for */
	ERR_UNSUPPORTED, /* this build of liveng, or this version, cannot do it */
	ERR_FULL,	 /* a structure of fixed size has no room left */
	ERR_NO_SUMS,	 /* a kernel set states no checksums */
	ERR_NOT_DISK,	 /* neither a block device nor a regular file */
	ERR_SOURCE, /* a file changed, or could not be read, while it was written to the target */
	ERR_TOOL,   /* a program or library failed, and that was reported */
	ERR_ISOFS,  /* libisofs failed for a reason that has no errno */
};

/** What @error, of either sign, means, in words for people: "Input/output error". Static text, or
 * strerror()'s. */
const char *error_text(int error);
