/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Why a disk must not be written to, and what can be done about it.
 */

#include "base/util.h"
#include "drive.h"

/* A larger disk is likely to have something important on it. In powers of 1024, as "512 GB" sticks
 * have slightly more than 512 GB. */
#define DRIVE_LARGE (512ull * 1024 * MIB)

struct drive_rules {
	bool allow_fixed;	    /* --allow-fixed: also disks that are not removable */
	bool allow_large;	    /* --allow-large: also those of more than DRIVE_LARGE bytes */
	uint64_t needed;	    /* bytes the disk must have; 0: not known yet */
	const char *const *sources; /* paths that must not be on it, NULL-terminated; NULL: none */
};

struct refusal {
	int error;	   /* 0: the disk is fine; else -ERR_REFUSED, -ERR_NO_ROOM, -ERR_BUSY */
	char reason[256];  /* "is mounted at /media/usb" */
	char way_out[192]; /* "unmount it first" */
};

/**
 * Is there a reason not to write to @drive? If there are several, gives the most serious. Also
 * returns 0 if there is one, see @ret_refusal; -errno, reported, if this cannot be found out.
 */
int refusal_find(const struct host *host, const struct drive *drive,
	const struct drive_rules *rules, struct refusal *ret_refusal);
