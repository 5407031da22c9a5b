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

/** The first entry of @text that boots a live system (`boot=live`), from GRUB's grub.cfg or
 * isolinux' live.cfg. Returns -ENOENT if there is none; -ENOMEM. */
int bootentry_parse(const char *text, struct bootentry *ret_entry);

void bootentry_clear(struct bootentry *entry);
