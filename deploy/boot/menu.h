/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The boot menu: grub.cfg, made from its template for this stick.
 */

#include <stdbool.h>

struct menu {
	const char *name;	     /* of the system, as in .disk/info */
	const char *release;	     /* of the factory kernel */
	const char *system_partuuid; /* of partition 1 */
	const char *parameters;	     /* kernel parameters from the image, separated by blanks */
	const char *settings;	     /* more of them, for live-config */
	const char *append;  /* more of them; blanks may be quoted with "..."; may be NULL */
	const char *console; /* in the kernel's syntax, "ttyS0,115200"; NULL: only the screen */
	bool persistence;
	bool encrypted;
};

/**
 * Make the text of grub.cfg. Anything in @menu may come from an untrusted image: GRUB sees every
 * word of it as a literal word. Reports. Returns -errno of reading the template. The caller frees
 * it.
 */
int menu_text(const struct menu *menu, char **ret_text);
