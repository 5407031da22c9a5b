/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The layout of a machine's keyboard, for passphrases: the prompt at boot may only support the US
 * layout.
 */

#include <stdbool.h>
#include <stddef.h>

struct keyboard {
	char layout[16];  /* "us", "de": the first one if there are several; "": unknown */
	char variant[32]; /* "dvorak", usually "" */
};

/** Read keyboard(5), usually /etc/default/keyboard; without it the layout is unknown. */
void keyboard_read(const char *path, struct keyboard *ret_keyboard);

/** Does @text (ASCII) contain a character known to be elsewhere on a US keyboard? */
bool keyboard_moves(const struct keyboard *keyboard, const char *text, size_t size);
