/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The boot menu: grub.cfg, from its template and what this stick is.
 */

#include <stdbool.h>

struct menu {
	const char *name;	     /* of the system, as in .disk/info */
	const char *release;	     /* of the factory kernel */
	const char *system_partuuid; /* of partition 1 */
	const char *parameters;	     /* the kernel's, as the image has them, words */
	const char *append;	     /* more of them; "..." holds blanks together; may be NULL */
	const char *console; /* as the kernel takes it, "ttyS0,115200"; NULL: the screen only */
	bool persistence;
	bool encrypted;
};

/**
 * Make the text of grub.cfg. All that is in @menu may come from a stranger's image: no word of it
 * is more to GRUB than a word. Reports. Returns -errno of reading the template. The caller frees
 * it.
 */
int menu_text(const struct menu *menu, char **ret_text);
