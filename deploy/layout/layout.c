/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "layout.h"

#include "base/util.h"

#define TABLE_SECTORS	34u /* protective MBR, header and entries; one less at the end */
#define PERSISTENCE_MIN (128ull * MIB)

/* The size of partition 2, which begins at @start. */
static uint64_t kernel_size(const struct layout_request *request, uint64_t start)
{
	const uint64_t usual = MAX(256ull * MIB, ROUND_UP(3 * request->set_size, 64ull * MIB));
	const uint64_t least = ROUND_UP(3 * (request->set_size + LAYOUT_SESSION_SIZE), MIB);
	const uint64_t end = ROUND_DOWN(request->kept.start, MIB);
	const uint64_t room = end - MIN(end, start + LAYOUT_ESP_SIZE);

	if (request->kernel_size > 0)
		return ROUND_UP(request->kernel_size, MIB);
	return request->kept.size > 0 ? MIN(usual, MAX(room, least)) : usual;
}

int layout_make(
	const struct layout_request *request, struct layout *ret_layout, uint64_t *ret_needed)
{
	struct layout layout = {.disk_size = request->disk_size};
	struct extent *at = layout.partitions;
	uint64_t needed, end;

	at[LAYOUT_BIOS].start = TABLE_SECTORS * SECTOR_SIZE;
	at[LAYOUT_BIOS].size = MIB - at[LAYOUT_BIOS].start;
	at[STICK_SYSTEM] = (struct extent){MIB, ROUND_UP(request->system_size, MIB)};
	at[STICK_KERNEL].start = at[STICK_SYSTEM].start + at[STICK_SYSTEM].size;
	at[STICK_KERNEL].size = kernel_size(request, at[STICK_KERNEL].start);
	at[STICK_ESP].start = at[STICK_KERNEL].start + at[STICK_KERNEL].size;
	at[STICK_ESP].size = LAYOUT_ESP_SIZE;
	needed = at[STICK_ESP].start + at[STICK_ESP].size;

	if (request->kept.size > 0) {
		at[STICK_PERSISTENCE] = request->kept;
		if (needed > request->kept.start) {
			*ret_needed = needed;
			return -ERR_NO_ROOM;
		}
		*ret_layout = layout;
		return 0;
	}

	end = ROUND_DOWN(request->disk_size, SECTOR_SIZE);
	end = end < MIB ? 0 : ROUND_DOWN(end - (TABLE_SECTORS - 1) * SECTOR_SIZE, MIB);
	if (needed + (request->persistence ? PERSISTENCE_MIN : 0) > end) {
		*ret_needed = needed + (request->persistence ? PERSISTENCE_MIN : 0) + MIB;
		return -ERR_NO_ROOM;
	}
	if (request->persistence)
		at[STICK_PERSISTENCE] = (struct extent){needed, end - needed};
	*ret_layout = layout;
	return 0;
}
