/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "text.h"

#include <string.h>

#include "util.h"

char *text_new_list(const char *format, va_list arguments)
{
	char *text;

	/* After a failure the pointer may be anything. */
	return vasprintf(&text, format, arguments) < 0 ? NULL : text;
}

char *text_new(const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	text = text_new_list(format, arguments);
	va_end(arguments);
	return text;
}

/* Decode the character that begins at @text (RFC 3629). Returns its length in bytes; 0 if it is not
 * UTF-8. */
static size_t read_character(const char *text, uint32_t *ret_character)
{
	static const struct {
		unsigned char mask, lead;
		uint32_t first; /* anything smaller must use a shorter form */
	} forms[] = {
		{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
	size_t n = 0;
	uint32_t c;

	while (n < 4 && ((unsigned char)text[0] & forms[n].mask) != forms[n].lead)
		n++;
	if (n == 4)
		return 0;
	c = (unsigned char)text[0] & (unsigned char)~forms[n].mask;
	for (size_t i = 1; i <= n; i++) {
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | ((unsigned char)text[i] & 0x3f);
	}
	if (c < forms[n].first || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*ret_character = c;
	return n + 1;
}

/* The same for a character that is not a control character, which includes those after ASCII
 * (C1). */
static size_t read_printable(const char *text)
{
	uint32_t c = 0;
	size_t n = read_character(text, &c);

	return n == 0 || c < ' ' || (c >= 0x7f && c < 0xa0) ? 0 : n;
}

void text_make_utf8(char *text)
{
	uint32_t c;

	while (*text) {
		size_t n = read_character(text, &c);

		if (n == 0)
			*text = '?';
		text += n ? n : 1;
	}
}

void text_make_safe(char *text)
{
	while (*text) {
		size_t n = read_printable(text);

		if (n == 0)
			*text = '?';
		text += n ? n : 1;
	}
}

void text_print(FILE *to, const char *text)
{
	while (*text) {
		size_t n = read_printable(text);

		if (n == 0)
			fputc('?', to);
		else
			fwrite(text, 1, n, to);
		text += n ? n : 1;
	}
}
