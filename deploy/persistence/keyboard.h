/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The layout of a machine's keyboard, for passphrases: the prompt at boot may know only the US one.
 */

#include <stdbool.h>
#include <stddef.h>

struct keyboard {
	char layout[16];  /* "us", "de": the first one if there are several; "" unknown */
	char variant[32]; /* "dvorak", mostly "" */
};

/** Read keyboard(5), mostly /etc/default/keyboard; unknown without it. */
void keyboard_read(const char *path, struct keyboard *ret_keyboard);

/** Does @text (ASCII) hold a character that lies elsewhere on a US keyboard? As far as known. */
bool keyboard_moves(const struct keyboard *keyboard, const char *text, size_t size);
