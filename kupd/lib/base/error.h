/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Errors. Functions return 0 or a negative number: an errno value, where a system call failed or
 * errno has exactly that meaning (-ENOENT, -ENOMEM, -EINTR), or one of the library's own, which lie
 * above every errno value. So no system call's error can be mistaken for one of these; where the
 * two mean the same, the function that made the call translates it (disk_write() returns
 * -ERR_NO_ROOM for ENOSPC).
 */

#define ERROR_ERRNO_MAX 4095 /* the kernel's MAX_ERRNO */

enum error {
	/* Those with an exit status of their own. */
	ERR_NOT_STICK = ERROR_ERRNO_MAX + 1, /* the target is not a liveng stick */
	ERR_REFUSED,			     /* a check failed before the first byte was written */
	ERR_NO_ROOM,			     /* the target is too small */
	ERR_VERIFY,			     /* what was read back, or what is stored, is damaged */
	ERR_BUSY,			     /* another program uses the target */

	/* Those that only callers distinguish. */
	ERR_DAMAGED,	 /* what was read contradicts itself */
	ERR_FOREIGN,	 /* it is not of the expected kind */
	ERR_SHORT,	 /* it ends before the requested data */
	ERR_TOO_LARGE,	 /* it is larger than allowed */
	ERR_UNSUPPORTED, /* this build or version of liveng cannot do it */
	ERR_FULL,	 /* a fixed-size structure has no room left */
	ERR_NO_SUMS,	 /* a kernel set has no checksums */
	ERR_NOT_DISK,	 /* neither a block device nor a regular file */
	ERR_SOURCE,	 /* a source file changed or became unreadable during the write */
	ERR_TOOL,	 /* a program or library failed for a reason without an errno */
	ERR_ISOFS,	 /* libisofs failed for a reason without an errno */
};

/** The text for @error, of either sign: "Input/output error". Static, or strerror()'s. */
const char *error_text(int error);
