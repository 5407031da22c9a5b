/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The default entry of a live image's own boot menu: what it boots, and with which parameters.
 * Parsed from GRUB's or isolinux' configuration as text: nothing in it is executed.
 */

struct bootentry {
	char *kernel;	  /* path as written there; may contain variables */
	char *initrd;	  /* may be NULL */
	char *parameters; /* without those that only make sense for the image itself */
};

/** The entry of @text, GRUB's grub.cfg or isolinux' live.cfg, that the text names as the default,
 * by number, title or id; if there is none, or it does not boot a live system (`boot=live`), the
 * first entry that does. Other files and variables are not considered. Returns -ENOENT if there is
 * none; -ENOMEM. */
int bootentry_parse(const char *text, struct bootentry *ret_entry);

void bootentry_clear(struct bootentry *entry);
