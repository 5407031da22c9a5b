/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The passphrase of an encrypted persistence: prompted for, or read from a file. It is kept in
 * secret memory only, never in an argument, environment, message or log.
 */

#include <stddef.h>

#include "keyboard.h"

/* Bytes; cryptsetup accepts no longer one from a keyboard. */
#define PASSPHRASE_MAX 512u

struct passphrase {
	size_t size;		       /* bytes, at least 1 */
	char text[PASSPHRASE_MAX + 2]; /* room to detect one that is too long */
};

enum passphrase_source {
	PASSPHRASE_PROMPT, /* twice, on the terminal, without echo */
	PASSPHRASE_FILE,
	PASSPHRASE_FD,
};

/**
 * Get the passphrase, if @source says so from the file @path or from @fd (which remains the
 * caller's). A file contains the passphrase and nothing else; one newline at its end is not part of
 * it. What cannot be typed at boot is refused: several lines, control characters, more than
 * PASSPHRASE_MAX bytes, nothing at all; on the terminal the user is asked again, and refused the
 * third time. SIGINT and similar signals end the waiting and restore the terminal; they stay
 * pending if the caller blocks them. Reports everything except these. Returns -ERR_REFUSED; -EINTR;
 * -errno of reading. The caller frees it with passphrase_free().
 */
int passphrase_get(enum passphrase_source source, const char *path, int fd,
	struct passphrase **ret_passphrase);

void passphrase_free(struct passphrase *passphrase);
void passphrase_freep(struct passphrase **passphrase);

/** Warn about a short one, and about characters that may be hard to type at boot: those that
 * @keyboard has elsewhere than a US one. NULL: the prompt has its layout. */
void passphrase_warn(const struct passphrase *passphrase, const struct keyboard *keyboard);
