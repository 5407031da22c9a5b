/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Messages for the user, on stderr, each prefixed with the program's name and safe to print on a
 * terminal whatever names it contains. The level, the name, the sinks and the step are the only
 * global state of the library.
 */

enum log_level {
	LOG_SILENT,  /* nothing; the sinks get nothing either */
	LOG_QUIET,   /* errors and warnings */
	LOG_NORMAL,  /* also what was done */
	LOG_VERBOSE, /* also every step */
};

/** Set the prefix (kept, not copied) and the level. */
void log_init(const char *program, enum log_level level);

/** Also hand each error's text, without the prefix, to @sink; NULL removes the sink. */
void log_set_sink(void (*sink)(void *data, const char *text), void *data);

/** The same for each warning's text. */
void log_set_warning_sink(void (*sink)(void *data, const char *text), void *data);

/** Is this level shown? For work that is only worth doing if so. */
int log_shows(enum log_level level);

/**
 * Draw @text, part of a line, on the terminal (stderr): the next text or message replaces it. NULL
 * erases it.
 */
void log_draw(const char *text);

/*
 * Lower case, no full stop; name the thing, the number and the way out.
 */

/** Report an error as @format, a colon and error_text() of @error, and return @error:
 * `return report(r, "cannot read %s", path);` */
int report(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** The same where @format alone says everything:
 * `return refuse(-ERR_REFUSED, "%s: is mounted", path);` */
int refuse(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Report an error that is not returned, or not yet. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** log_debug(), and remember it as what is being done from now on: "reading the new session
 * back". */
void log_step(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Report @error, which has not been reported, with the step that failed, and return it. */
int report_step(int error);
