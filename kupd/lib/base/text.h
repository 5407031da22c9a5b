/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Text: of any length, and fit for a terminal.
 */

#include <stdarg.h>
#include <stdio.h>

/** Make it. NULL: no memory. The caller frees it. */
char *text_new(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** The same with the arguments as a list. */
char *text_new_list(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

/** Make text UTF-8 (RFC 3629), whoever chose it: each byte that is none becomes a `?`. */
void text_make_utf8(char *text);

/** Make it fit for a terminal as well: so does each byte of a control character, which may command
 * the terminal. */
void text_make_safe(char *text);

/** Print it as text_make_safe() makes it. */
void text_print(FILE *to, const char *text);
