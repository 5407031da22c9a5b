/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What distinguishes one stick from every other: the ids of its table, partitions and file systems.
 */

#include <stdint.h>

#include "layout.h"

#define UUID_TEXT 37u /* including the final 0 */

struct ids {
	char disk[UUID_TEXT];
	char partitions[LAYOUT_PARTITIONS + 1][UUID_TEXT]; /* by number: PARTUUIDs */
	char system_date[17]; /* an ISO 9660 volume's UUID is its date, YYYYMMDDhhmmsscc */
	char kernel_date[17];
	uint32_t esp; /* FAT volume id */
};

/** Make new, random ids. */
void ids_make(struct ids *ret_ids);
