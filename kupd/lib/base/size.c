/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "size.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "util.h"

#define MB	     1000000ull
#define FRACTION_MAX 1000000u /* times 1T still fits */

static const char units[] = "KMGT";

/* The digits after a decimal point, ".75", as @part of @scale. Digits beyond a millionth are
 * ignored. Returns where they end; NULL if there are none. */
static char *parse_fraction(char *text, uint64_t *part, uint64_t *scale)
{
	char *at = text + 1;

	for (; isdigit((unsigned char)*at); at++) {
		if (*scale < FRACTION_MAX) {
			*part = *part * 10 + (uint64_t)(*at - '0');
			*scale *= 10;
		}
	}
	return at > text + 1 ? at : NULL;
}

int size_parse(const char *text, uint64_t *ret_bytes)
{
	uint64_t factor = 1, base, part = 0, scale = 1;
	unsigned long long number;
	const char *unit;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno != 0)
		return -errno;
	if (*end == '.') {
		end = parse_fraction(end, &part, &scale);
		if (!end || !*end)
			return -EINVAL; /* nothing is smaller than a byte */
	}
	if (*end) {
		unit = strchr(units, toupper((unsigned char)*end));
		if (!unit)
			return -EINVAL;
		end++;
		if (!*end || strcasecmp(end, "iB") == 0)
			base = 1024;
		else if (strcasecmp(end, "B") == 0)
			base = 1000;
		else
			return -EINVAL;
		for (const char *u = units; u <= unit; u++)
			factor *= base;
	}
	if (number >= INT64_MAX / factor)
		return -ERANGE;
	*ret_bytes = number * factor + part * factor / scale;
	return 0;
}

static const char *exact_text(uint64_t bytes, char text[SIZE_TEXT])
{
	snprintf(text, SIZE_TEXT, "%llu byte%s", (unsigned long long)bytes, bytes == 1 ? "" : "s");
	return text;
}

const char *size_text(uint64_t bytes, char text[SIZE_TEXT])
{
	uint64_t unit = 1000, tenths;
	size_t i = 0;

	if (bytes < 1000)
		return exact_text(bytes, text);
	/* 999.95 would be shown as 1000.0. */
	for (; bytes >= unit * 1000 - unit / 20 && units[i + 1]; i++)
		unit *= 1000;
	tenths = bytes / (unit / 10) + (bytes % (unit / 10) >= unit / 20);
	snprintf(text, SIZE_TEXT, "%llu.%llu %cB", (unsigned long long)(tenths / 10),
		(unsigned long long)(tenths % 10), i == 0 ? 'k' : units[i]);
	return text;
}

void size_texts(uint64_t one, uint64_t other, char ret_one[SIZE_TEXT], char ret_other[SIZE_TEXT])
{
	size_text(one, ret_one);
	size_text(other, ret_other);
	if (strcmp(ret_one, ret_other) != 0)
		return;
	exact_text(one, ret_one);
	exact_text(other, ret_other);
}

const char *size_option(uint64_t least, char text[SIZE_TEXT])
{
	const uint64_t step = 8 * MB; /* a whole number of sectors */

	snprintf(text, SIZE_TEXT, "%lluMB",
		(unsigned long long)((least / step + (least % step > 0)) * (step / MB)));
	return text;
}
