/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "text.h"

static struct {
	const char *program;
	enum log_level level;
	bool has_drawn; /* there is part of a line on the terminal */
	struct sink {
		void (*take)(void *data, const char *text);
		void *data;
	} errors, warnings;
	char step[512];
} logger = {.program = "liveng", .level = LOG_NORMAL, .step = "starting"};

void log_init(const char *program, enum log_level level)
{
	logger.program = program;
	logger.level = level;
}

void log_set_sink(void (*sink)(void *data, const char *text), void *data)
{
	logger.errors = (struct sink){sink, data};
}

void log_set_warning_sink(void (*sink)(void *data, const char *text), void *data)
{
	logger.warnings = (struct sink){sink, data};
}

int log_shows(enum log_level level)
{
	return level <= logger.level;
}

void log_draw(const char *text)
{
	if (logger.has_drawn)
		fputs("\r\033[K", stderr);
	if (text)
		text_print(stderr, text);
	logger.has_drawn = text != NULL;
}

/* It may contain file names, labels and the output of other programs. */
static void show(const char *prefix, char *text)
{
	text_make_safe(text);
	log_draw(NULL);
	fprintf(stderr, "%s: %s%s\n", logger.program, prefix, text);
}

/* The sink gets the text unchanged. */
__attribute__((format(printf, 3, 0))) static void print(
	const struct sink *sink, const char *prefix, const char *format, va_list arguments)
{
	int saved_errno = errno;
	char text[2048], safe[2048];

	if (!log_shows(LOG_QUIET))
		return;
	vsnprintf(text, sizeof(text), format, arguments);
	strcpy(safe, text);
	show(prefix, safe);
	if (sink->take)
		sink->take(sink->data, text);
	errno = saved_errno;
}

__attribute__((format(printf, 1, 0))) static void print_error(const char *format, va_list arguments)
{
	print(&logger.errors, "", format, arguments);
}

void log_error(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_error(format, arguments);
	va_end(arguments);
}

int refuse(int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_error(format, arguments);
	va_end(arguments);
	return error;
}

int report(int error, const char *format, ...)
{
	char text[1920];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	log_error("%s: %s", text, error_text(error));
	return error;
}

void log_warning(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print(&logger.warnings, "warning: ", format, arguments);
	va_end(arguments);
}

/* Progress of the work, not errors: the sinks do not see it. */
__attribute__((format(printf, 2, 0))) static void print_work(
	enum log_level level, const char *format, va_list arguments)
{
	int saved_errno = errno;
	char text[2048];

	if (!log_shows(level))
		return;
	vsnprintf(text, sizeof(text), format, arguments);
	show("", text);
	errno = saved_errno;
}

void log_info(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_work(LOG_NORMAL, format, arguments);
	va_end(arguments);
}

void log_debug(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_work(LOG_VERBOSE, format, arguments);
	va_end(arguments);
}

void log_step(const char *format, ...)
{
	va_list arguments;

	if (!log_shows(LOG_QUIET))
		return;
	va_start(arguments, format);
	vsnprintf(logger.step, sizeof(logger.step), format, arguments);
	va_end(arguments);
	log_debug("%s", logger.step);
}

int report_step(int error)
{
	if (error == -EINTR)
		return refuse(error, "interrupted while %s", logger.step);
	return report(error, "failed while %s", logger.step);
}
