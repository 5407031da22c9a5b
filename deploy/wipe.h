/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What a disk was before: tables and file systems that would still be found, taken away.
 */

#include "layout.h"
#include "output.h"

/**
 * Zero the places of partition tables, every signature that libblkid finds on the whole of @disk,
 * which @output writes to, and the beginning and end of each partition of @layout. Does not report.
 * Returns -errno.
 */
int wipe_all(const struct disk *disk, struct output *output, const struct layout *layout);
