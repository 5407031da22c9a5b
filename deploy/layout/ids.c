/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "ids.h"

#include <string.h>
#include <time.h>
#include <uuid.h>

#include "base/util.h"

static void make_uuid(char text[UUID_TEXT])
{
	uuid_t uuid;

	uuid_generate_random(uuid);
	uuid_unparse_lower(uuid, text);
}

/* The current minute, with one of its 6000 hundredths of a second chosen at random, so that even
 * sticks made at the same time differ. */
static void make_date(unsigned int hundredths, char date[17])
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(date, 13, "%Y%m%d%H%M", &tm);
	snprintf(date + 12, 5, "%02u%02u", hundredths / 100 % 60, hundredths % 100);
}

void ids_make(struct ids *ret_ids)
{
	uint32_t random[2];
	uuid_t uuid;

	make_uuid(ret_ids->disk);
	for (unsigned int n = 0; n <= LAYOUT_PARTITIONS; n++)
		make_uuid(ret_ids->partitions[n]);
	uuid_generate_random(uuid);
	memcpy(random, uuid, sizeof(random));
	make_date(random[0] % 3000, ret_ids->system_date);
	make_date(3000 + random[0] % 3000, ret_ids->kernel_date);
	ret_ids->esp = random[1];
}
