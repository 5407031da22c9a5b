/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What every room uses: cleanup attributes, sizes and errors (error.h).
 */

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "error.h"

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

/* Take a pointer out of a variable that would otherwise free it at the end of its scope. */
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
