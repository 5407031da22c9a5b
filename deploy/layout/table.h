/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The partition table: GPT with a protective MBR (UEFI 5.2.3, 5.3), made by libfdisk, and in that
 * MBR an active entry for BIOSes.
 */

#include <stdint.h>

#include "base/util.h"
#include "ids.h"
#include "layout.h"

struct output;

struct table {
	uint8_t primary[LAYOUT_TABLE_PRIMARY_SIZE];
	uint8_t backup[LAYOUT_TABLE_BACKUP_SIZE];
};

/** Make the table for a disk with @layout and @ids. Reports. Returns -errno. */
int table_make(const struct layout *layout, const struct ids *ids, struct table *ret_table);

/** Where the backup goes, in bytes. */
uint64_t table_backup_offset(const struct layout *layout);

/** Write it, the backup first and the sector that makes it valid last, each flushed. Returns the
 * errors of output_write() and output_flush(). */
int table_write(const struct table *table, const struct layout *layout, struct output *output);
