/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Text of any length, made as by printf().
 */

#include <stdarg.h>

/** Make it. NULL: no memory. The caller frees it. */
char *text_new(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** The same with the arguments as a list. */
char *text_new_list(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));
