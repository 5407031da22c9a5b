/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Text: of any length, and safe for a terminal.
 */

#include <stdarg.h>
#include <stdio.h>

/** Format a new text. NULL: no memory. The caller frees it. */
char *text_new(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** The same with the arguments as a list. */
char *text_new_list(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

/** Make a text valid UTF-8 (RFC 3629) wherever it came from: each byte that is not becomes a
 * `?`. */
void text_make_utf8(char *text);

/** Make it safe for a terminal as well: each byte of a control character, which could command the
 * terminal, also becomes a `?`. */
void text_make_safe(char *text);

/** Print a text as text_make_safe() would change it. */
void text_print(FILE *to, const char *text);
