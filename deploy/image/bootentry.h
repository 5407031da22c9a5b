/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The default entry of a live image's own boot menu: what it boots, and with which parameters. Read
 * from GRUB's or isolinux' configuration as text: nothing in it is run.
 */

struct bootentry {
	char *kernel;	  /* path as it stands there; may hold variables */
	char *initrd;	  /* may be NULL */
	char *parameters; /* without those that only make sense for the image itself */
};

/** The entry of @text, GRUB's grub.cfg or isolinux' live.cfg, that this text names as its default:
 * by its number, title or id; else, or if that one boots no live system (`boot=live`), the first
 * that does. What stands in other files or in variables is not seen. Returns -ENOENT if there is
 * none; -ENOMEM. */
int bootentry_parse(const char *text, struct bootentry *ret_entry);

void bootentry_clear(struct bootentry *entry);
