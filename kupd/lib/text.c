/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "text.h"

#include <stdio.h>

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
