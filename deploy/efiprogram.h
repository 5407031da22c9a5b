/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A boot loader for UEFI, and what it says about itself.
 */

#include <stdbool.h>
#include <stddef.h>

struct efiprogram {
	char *name; /* of the file, "bootx64.efi" */
	void *data;
	size_t size;
	bool is_signed; /* by whomever */
	char *prefix;	/* of a GRUB: the folder of its grub.cfg, as built in; NULL: no GRUB */
};

/**
 * Look at the program @data of @size bytes; takes it over, also on failure. @path is for messages,
 * its last part becomes the name. Reports. Returns -ERR_REFUSED if it is no program for UEFI;
 * -errno. Free it with efiprogram_clear().
 */
int efiprogram_read(const char *path, void *data, size_t size, struct efiprogram *ret_program);

void efiprogram_clear(struct efiprogram *program);
