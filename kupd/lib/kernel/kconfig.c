/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "kconfig.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/util.h"

struct kconfig {
	char *text;
};

/* Where a line that begins with @start goes on after it; NULL: there is none. */
static const char *find_line(const char *text, const char *start)
{
	for (const char *p = text; (p = strstr(p, start)); p++)
		if (p == text || p[-1] == '\n')
			return p + strlen(start);
	return NULL;
}

enum kconfig_answer kconfig_get(const struct kconfig *config, const char *option)
{
	char start[128];
	const char *value;

	snprintf(start, sizeof(start), "CONFIG_%s=", option);
	value = find_line(config->text, start);
	if (value)
		return *value == 'y' || *value == 'm' ? KCONFIG_ON : KCONFIG_OFF;
	snprintf(start, sizeof(start), "# CONFIG_%s is not set", option);
	return find_line(config->text, start) ? KCONFIG_OFF : KCONFIG_UNSAID;
}

int kconfig_read(const char *path, struct kconfig **ret_config)
{
	cleanup(kconfig_freep) struct kconfig *config = calloc(1, sizeof(*config));
	void *data;
	size_t size;
	int r;

	if (!config)
		return -ENOMEM;
	r = file_read_whole(path, KCONFIG_MAX, &data, &size);
	if (r < 0)
		return r;
	config->text = data;
	if (strlen(config->text) < size)
		return -ERR_DAMAGED;
	if (!find_line(config->text, "CONFIG_"))
		return -ERR_FOREIGN;
	*ret_config = steal_pointer(config);
	return 0;
}

void kconfig_free(struct kconfig *config)
{
	if (!config)
		return;
	free(config->text);
	free(config);
}

void kconfig_freep(struct kconfig **config)
{
	kconfig_free(*config);
}
