/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "udev.h"

#include <string.h>
#include <sys/sysmacros.h>

#include "util.h"

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

/* In /run/udev/data/b8:16 a line each: "E:ID_SERIAL_SHORT=4C5300". */
void udev_property(const struct host *host, dev_t devno, const char *name, char *text, size_t size)
{
	cleanup(close_file) FILE *file = NULL;
	autofree char *path = NULL;
	autofree char *line = NULL;
	size_t room = 0, length = strlen(name);

	text[0] = '\0';
	if (asprintf(&path, "%s/run/udev/data/b%u:%u", host->root, major(devno), minor(devno)) <
		0) {
		path = NULL;
		return;
	}
	file = fopen(path, "re");
	while (file && getline(&line, &room, file) >= 0) {
		if (strncmp(line, "E:", 2) != 0 || strncmp(line + 2, name, length) != 0 ||
			line[2 + length] != '=')
			continue;
		decode(line + 2 + length + 1, text, size);
		return;
	}
}
