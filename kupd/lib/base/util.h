/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What every room uses: cleanup attributes, sizes, and the errors that have an exit code of
 * their own.
 */

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Errors that mean something to the caller of a program; all others are plain failures. A system
 * call on a disk or file may return them, too, and then they mean much the same: ENOSPC and EBUSY
 * of course, EBADMSG from a file system that is damaged itself, EMEDIUMTYPE from an audio CD. */
#define ERR_NOT_STICK EMEDIUMTYPE  /* the target is not a liveng stick */
#define ERR_REFUSED   EKEYREJECTED /* a check before the first byte said no */
#define ERR_NO_ROOM   ENOSPC	   /* the target is too small */
#define ERR_VERIFY    EBADMSG	   /* what was read back, or is stored, is damaged */
#define ERR_BUSY      EBUSY	   /* somebody else uses the target */

/* What libisofs could not do for a reason that has no errno of its own. */
#define ERR_ISOFS EPROTO

/* Kernel or initrd changed or could not be read while it was written: not the target's fault. */
#define ERR_SOURCE ENOMSG

#define SECTOR_SIZE 512u  /* GPT, FAT, grubenv and the commit count in these */
#define ISO_BLOCK   2048u /* ISO 9660 logical blocks; an LBA counts these */
#define MIB	    (1024u * 1024u)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)     ((a) < (b) ? (a) : (b))
#define MAX(a, b)     ((a) > (b) ? (a) : (b))

/* Round n up or down to a multiple of the power of two `to`. */
#define ROUND_DOWN(n, to) ((n) & ~((uint64_t)(to)-1))
#define ROUND_UP(n, to)	  ROUND_DOWN((n) + ((uint64_t)(to)-1), to)

#define cleanup(f) __attribute__((cleanup(f)))

/* Take a pointer out of a variable that would free it at the end of its scope. */
#define steal_pointer(p)                     \
	({                                   \
		__typeof__(p) stolen_ = (p); \
		(p) = NULL;                  \
		stolen_;                     \
	})

/* The same for a file descriptor. */
static inline int steal_fd(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

static inline void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void free_pointer(void *p)
{
	free(*(void **)p);
}

static inline void close_file(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline void close_folder(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}

#define autofree  cleanup(free_pointer)
#define autoclose cleanup(close_fd)
