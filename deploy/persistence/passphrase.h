/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The passphrase of an encrypted persistence: asked for, or read from a file. It stands in secret
 * memory and nowhere else: in no argument, environment, message or log.
 */

#include <stddef.h>

/* Bytes; cryptsetup takes no longer one from a keyboard. */
#define PASSPHRASE_MAX 512u

struct passphrase {
	size_t size;		       /* bytes, at least 1 */
	char text[PASSPHRASE_MAX + 2]; /* room to notice what is too long */
};

enum passphrase_source {
	PASSPHRASE_PROMPT, /* twice, on the terminal, without echo */
	PASSPHRASE_FILE,
	PASSPHRASE_FD,
};

/**
 * Get the passphrase, from the file @path or from @fd (stays the caller's) if @source says so. A
 * file holds the passphrase and nothing else; one newline at its end is no part of it. What a
 * keyboard cannot give at boot is refused: more lines, control characters, more than PASSPHRASE_MAX
 * bytes, nothing at all; at the terminal it is asked for again, and refused the third time. Warns
 * of a short one, and of characters that may be hard to type at boot. SIGINT and its like end the
 * waiting, with the terminal as it was; they stay pending if the caller blocks them. Reports all
 * but that. Returns -ERR_REFUSED; -EINTR; -errno of reading. The caller frees it with
 * passphrase_free().
 */
int passphrase_get(enum passphrase_source source, const char *path, int fd,
	struct passphrase **ret_passphrase);

void passphrase_free(struct passphrase *passphrase);
void passphrase_freep(struct passphrase **passphrase);

/** Warn of what passphrase_get() warns of, with the layout in the file @keyboard. */
void passphrase_warn(const struct passphrase *passphrase, const char *keyboard);
