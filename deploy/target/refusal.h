/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Why a disk is not written to, and what can be done about it.
 */

#include "base/util.h"
#include "drive.h"

/* More than this is a disk that somebody keeps something on. As sticks of "512 GB" have a little
 * more than that, in 1024s. */
#define DRIVE_LARGE (512ull * 1024 * MIB)

struct drive_rules {
	bool allow_fixed;	    /* --allow-fixed: also disks that are not removable */
	bool allow_large;	    /* --allow-large: also those of more than DRIVE_LARGE bytes */
	uint64_t needed;	    /* bytes that the disk has to have; 0: not known yet */
	const char *const *sources; /* paths of what must not lie on it, NULL-ended; NULL: none */
};

struct refusal {
	int error;	   /* 0: nothing speaks against the disk; else -ERR_REFUSED, -ERR_NO_ROOM
			    * or -ERR_BUSY */
	char reason[256];  /* "is mounted at /media/usb" */
	char way_out[192]; /* "unmount it first" */
};

/**
 * What speaks against writing to @drive? Of several reasons the gravest. Returns 0 also if
 * something does, then @ret_refusal tells; -errno if that cannot be told, reported.
 */
int refusal_find(const struct host *host, const struct drive *drive,
	const struct drive_rules *rules, struct refusal *ret_refusal);
