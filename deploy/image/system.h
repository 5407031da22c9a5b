/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Partition 1: the live image's tree without what is needed only to boot or install from the image
 * itself. Its files stay where they are in the image, block for block; a new tree follows them.
 */

#include "factoryset.h"
#include "image.h"
#include "output/output.h"

struct system;

/* More files, in a folder of their own at the top. */
struct system_files {
	const char *folder;
	char *const *names;
	const int *fds; /* open files */
	size_t n;	/* 0: no folder either */
};

/**
 * Make the tree: kernel and initrd of @set under names without a version, with their release and
 * checksums, and @files; the volume's UUID will be @date. All of them must outlive the system.
 * Reports. Returns -errno. The caller frees it with system_free().
 */
int system_new(struct image *image, const struct factoryset *set, const struct system_files *files,
	const char *date, struct system **ret_system);

void system_free(struct system *system);
void system_freep(struct system **system);

/** The minimum size of the partition in bytes. */
uint64_t system_size(const struct system *system);

/** How many bytes system_write() writes. */
uint64_t system_bytes(const struct system *system);

/** Write it into @partition (bytes), once. Does not report. Returns -errno of reading and writing;
 * -EINTR. */
int system_write(struct system *system, struct output *output, struct extent partition);
