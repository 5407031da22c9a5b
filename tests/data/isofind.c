/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "isofind.h"

#include <ctype.h>
#include <string.h>

#define NAME_MAX_LENGTH 255

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

const char *iso_descriptors(const struct iso *iso, uint64_t *ret_joliet)
{
	*ret_joliet = 0;
	for (uint64_t at = ISO_PVD; at < ISO_PVD + 16 * ISO_BLOCK; at += ISO_BLOCK) {
		const uint8_t *d = iso->data + at;

		if (at + ISO_BLOCK > iso->size || memcmp(d + 1, "CD001", 5) != 0)
			return "a volume descriptor is damaged";
		if (d[0] == 255)
			return NULL;
		if ((d[0] == 1) != (at == ISO_PVD))
			return "the primary volume descriptor is not where it belongs";
		/* Joliet: an escape sequence of UCS-2 level 1, 2 or 3 (ECMA-119 8.5.6) */
		if (d[0] == 2 && d[88] == '%' && d[89] == '/' && memchr("@CE", d[90], 3))
			*ret_joliet = at;
	}
	return "the volume descriptors do not end";
}

/* The extent of a directory record (ECMA-119 9.1). */
static const char *record_extent(
	const struct iso *iso, const uint8_t *record, struct iso_extent *ret)
{
	struct iso_extent e = {(uint64_t)le32(record + 2) * ISO_BLOCK, le32(record + 10)};

	if (record[25] & 0x80)
		return "a file of several extents is not expected here";
	if (e.start > iso->size || e.size > iso->size - e.start)
		return "an extent reaches past the end of the partition";
	*ret = e;
	return NULL;
}

/* Collect the NM fields (RRIP 4.1.4) of the system use area at @p, and of where its CE points. */
static void rock_ridge_name(const struct iso *iso, const uint8_t *p, size_t left, char *name)
{
	size_t length = 0;

	for (int areas = 0; areas < 8; areas++) {
		const uint8_t *next = NULL;
		size_t next_size = 0;

		while (left >= 4 && p[2] >= 4 && p[2] <= left) {
			if (memcmp(p, "NM", 2) == 0 && p[2] > 5) {
				size_t n = p[2] - 5u;

				if (length + n > NAME_MAX_LENGTH)
					n = NAME_MAX_LENGTH - length;
				memcpy(name + length, p + 5, n);
				length += n;
				name[length] = 0;
			} else if (memcmp(p, "CE", 2) == 0 && p[2] >= 28) {
				uint64_t at = (uint64_t)le32(p + 4) * ISO_BLOCK + le32(p + 12);
				uint64_t size = le32(p + 20);

				if (at <= iso->size && size <= iso->size - at) {
					next = iso->data + at;
					next_size = (size_t)size;
				}
			}
			left -= p[2];
			p += p[2];
		}
		if (!next)
			return;
		p = next;
		left = next_size;
	}
}

static void record_name(const struct iso *iso, const uint8_t *record, bool joliet, char *name)
{
	size_t length = record[32];
	size_t fixed = 33 + length + !(length & 1);
	size_t n = 0;

	name[0] = 0;
	if (33 + length > record[0])
		return;
	if (!joliet && fixed < record[0])
		rock_ridge_name(iso, record + fixed, record[0] - fixed, name);
	if (name[0])
		return;
	for (size_t i = joliet ? 1 : 0; i < length; i += joliet ? 2 : 1) {
		char c = (char)record[33 + i];

		if (c == ';')
			break;
		name[n++] = joliet ? c : (char)tolower(c);
	}
	if (n > 0 && name[n - 1] == '.')
		n--;
	name[n] = 0;
}

/* Find @name in the directory @dir; start 0 if it does not exist. */
static const char *look_up(const struct iso *iso, struct iso_extent dir, bool joliet,
	const char *name, bool want_dir, struct iso_extent *ret)
{
	const uint8_t *data = iso->data + dir.start;
	char found[NAME_MAX_LENGTH + 1];
	uint64_t at = 0;
	int dots = 0;

	*ret = (struct iso_extent){0, 0};
	while (at < dir.size) {
		const uint8_t *record = data + at;

		if (record[0] == 0) {
			at = (at / ISO_BLOCK + 1) * ISO_BLOCK;
			continue;
		}
		if (record[0] < 34 || at % ISO_BLOCK + record[0] > ISO_BLOCK ||
			at + record[0] > dir.size)
			return "a directory record is damaged";
		at += record[0];
		if (record[32] == 1 && record[33] <= 1) {
			dots++;
			continue;
		}
		record_name(iso, record, joliet, found);
		if (strcmp(found, name) == 0 && !(record[25] & 2) == !want_dir)
			return record_extent(iso, record, ret);
	}
	return dots == 2 ? NULL : "a directory does not begin with itself and its parent";
}

const char *iso_find(const struct iso *iso, uint64_t descriptor, bool joliet, const char *name,
	struct iso_extent *ret_file)
{
	struct iso_extent root, live;
	const char *problem;

	/* The root directory's record lies in the descriptor (ECMA-119 8.4.18). */
	problem = record_extent(iso, iso->data + descriptor + 156, &root);
	if (!problem)
		problem = look_up(iso, root, joliet, "live", true, &live);
	if (!problem && live.start == 0)
		problem = "there is no folder live";
	if (problem)
		return problem;
	return look_up(iso, live, joliet, name, false, ret_file);
}
