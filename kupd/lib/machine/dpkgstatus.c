/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "dpkgstatus.h"

#include <stddef.h>
#include <string.h>

#include "base/util.h"

#define INSTALLED "install ok installed"
#define HELD	  "hold ok installed"

/* A field of one paragraph, and where that ends. */
struct field {
	const char *value;
	size_t length;
};

static struct field find_field(const char *paragraph, const char *end, const char *name)
{
	const size_t length = strlen(name);

	for (const char *line = paragraph; line < end;) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		const char *line_end = newline ? newline : end;

		if ((size_t)(line_end - line) > length && strncmp(line, name, length) == 0)
			return (struct field){line + length, (size_t)(line_end - line) - length};
		line = line_end + (newline != NULL);
	}
	return (struct field){NULL, 0};
}

static bool is_value(const struct field *field, const char *text)
{
	return field->value && field->length == strlen(text) &&
	       strncmp(field->value, text, field->length) == 0;
}

/* The end of the paragraph that begins there: the blank line after it, or @stop. */
static const char *end_of(const char *paragraph, const char *stop)
{
	const char *blank = memmem(paragraph, (size_t)(stop - paragraph), "\n\n", 2);

	return blank ? blank : stop;
}

/* The paragraph of an installed package; NULL: it is not installed. */
static const char *find_installed(const char *status, const char *name, const char **ret_end)
{
	const char *stop = status + strlen(status);

	for (const char *paragraph = status; *paragraph;) {
		const char *end = end_of(paragraph, stop);
		struct field package = find_field(paragraph, end, "Package: ");
		struct field state = find_field(paragraph, end, "Status: ");

		if (is_value(&package, name) && is_value(&state, INSTALLED)) {
			*ret_end = end;
			return paragraph;
		}
		paragraph = end + strspn(end, "\n");
	}
	return NULL;
}

bool dpkgstatus_has(const char *status, const char *name)
{
	const char *end;

	return find_installed(status, name, &end) != NULL;
}

char *dpkgstatus_held(const char *status, const char *prefix)
{
	const char *stop = status + strlen(status);
	char *names = NULL;
	size_t size;
	FILE *stream = open_memstream(&names, &size);

	if (!stream)
		return NULL;
	for (const char *paragraph = status; *paragraph;) {
		const char *end = end_of(paragraph, stop);
		struct field package = find_field(paragraph, end, "Package: ");
		struct field state = find_field(paragraph, end, "Status: ");

		if (is_value(&state, HELD) && package.length >= strlen(prefix) &&
			strspn(package.value, "abcdefghijklmnopqrstuvwxyz0123456789+-.") >=
				package.length &&
			strncmp(package.value, prefix, strlen(prefix)) == 0)
			fprintf(stream, "%s%.*s", ftell(stream) > 0 ? " " : "", (int)package.length,
				package.value);
		paragraph = end + strspn(end, "\n");
	}
	if (fclose(stream) != 0) {
		free(names);
		return NULL;
	}
	return names;
}

void dpkgstatus_arch(const char *status, char ret_arch[DPKGSTATUS_ARCH])
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	const char *end, *dpkg = find_installed(status, "dpkg", &end);
	struct field arch = {NULL, 0};

	ret_arch[0] = '\0';
	if (dpkg)
		arch = find_field(dpkg, end, "Architecture: ");
	if (!arch.value || arch.length >= DPKGSTATUS_ARCH ||
		strspn(arch.value, allowed) < arch.length)
		return;
	memcpy(ret_arch, arch.value, arch.length);
	ret_arch[arch.length] = '\0';
}
