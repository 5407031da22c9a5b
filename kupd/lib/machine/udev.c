/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "udev.h"

#include <string.h>
#include <sys/sysmacros.h>

#include "base/text.h"
#include "base/util.h"

/* "KING\x20STON" */
static void decode(const char *from, char *to, size_t size)
{
	unsigned int code;

	for (; *from && *from != '\n' && size > 1; size--) {
		if (sscanf(from, "\\x%2x", &code) == 1) {
			from += 4;
		} else {
			code = (unsigned char)*from++;
		}
		*to++ = code < ' ' || code > '~' ? '?' : (char)code;
	}
	*to = '\0';
}

#define NOTES "/run/udev/data"

/* One line each in /run/udev/data/b8:16: "E:ID_SERIAL_SHORT=4C5300". */
void udev_property(const struct host *host, dev_t devno, const char *name, char *text, size_t size)
{
	cleanup(close_file) FILE *file = NULL;
	autofree char *path =
		text_new("%s" NOTES "/b%u:%u", host->root, major(devno), minor(devno));
	autofree char *line = NULL;
	size_t room = 0, length = strlen(name);

	text[0] = '\0';
	file = path ? fopen(path, "re") : NULL;
	while (file && getline(&line, &room, file) >= 0) {
		if (strncmp(line, "E:", 2) != 0 || strncmp(line + 2, name, length) != 0 ||
			line[2 + length] != '=')
			continue;
		decode(line + 2 + length + 1, text, size);
		return;
	}
}

int udev_add_disks(
	const struct host *host, const char *name, const char *value, struct device_disks *disks)
{
	cleanup(close_folder) DIR *folder = NULL;
	unsigned int major_number, minor_number;
	autofree char *path = text_new("%s" NOTES, host->root);
	struct dirent *entry;
	int r = 0;

	if (!path)
		return -ENOMEM;
	folder = opendir(path);
	while (r == 0 && folder && (entry = readdir(folder))) {
		char text[256];
		dev_t devno;

		if (sscanf(entry->d_name, "b%u:%u", &major_number, &minor_number) != 2)
			continue;
		devno = makedev(major_number, minor_number);
		udev_property(host, devno, name, text, sizeof(text));
		if (strcmp(text, value) == 0)
			r = device_add_disks(host->root, devno, disks);
	}
	return r;
}
