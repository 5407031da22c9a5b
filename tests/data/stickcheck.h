/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What must be true of a stick at any possible power cut: a whole kernel set is found, and whatever
 * grubenv makes GRUB boot is whole as well.
 */

#include "isofind.h"

#include <stdio.h>

#define MAX_SETS    8
#define MAX_ENVS    16
#define GRUBENV	    1024u
#define NO_SET	    (-1)
#define NO_GRUBENV  UINT64_MAX
#define PROBLEM_MAX 160

struct content {
	uint8_t *data;
	uint64_t size;
	char sha256[65];
};

/* A whole set: the only contents that may occur together. */
struct known_set {
	const char *folder;
	struct content kernel, initrd, release;
};

struct stickcheck {
	uint64_t start, size; /* partition 2, in bytes of the disk */
	uint64_t grubenv;     /* its place in bytes of the disk, or NO_GRUBENV */
	struct known_set sets[MAX_SETS];
	int n_sets;
	int proven; /* this set must always be there, as the current or the old one */
	int fresh;  /* this set may be current only while its boots are counted */
	uint8_t identity[ISO_BLOCK];	 /* the original primary volume descriptor */
	uint8_t envs[MAX_ENVS][GRUBENV]; /* what grubenv may hold, each as a whole */
	int n_envs;
};

/** Load the set in @folder (vmlinuz, initrd.img, release). Exits on failure. */
void stickcheck_add_set(struct stickcheck *check, const char *folder);

/** Allow grubenv to be as it is on @disk now. Returns NULL, or why it is not an environment
 * block. */
const char *stickcheck_allow_grubenv(struct stickcheck *check, const uint8_t *disk);

/**
 * Check the state of the whole disk image @disk.
 * Returns the number of the current set, or NO_SET with the reason in @ret_problem.
 */
int stickcheck_state(
	const struct stickcheck *check, const uint8_t *disk, char ret_problem[PROBLEM_MAX]);
