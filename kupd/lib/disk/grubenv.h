/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * GRUB's environment block: 1024 bytes of `name=value` lines in `boot/grub/grubenv` of partition 3
 * (GRUB manual, "The GRUB environment block"). Changed in place; the file's size and place never
 * change, since GRUB writes to the same sectors.
 */

#include "disk.h"

#define GRUBENV_SIZE	  1024u
#define GRUBENV_PATH	  "boot/grub/grubenv"
#define GRUBENV_SIGNATURE "# GRUB Environment Block\n" /* its first line */

struct grubenv;

/**
 * Load the block from the FAT file system in @esp (bytes) of @disk.
 * Does not report. Returns -ENOENT if there is no FAT or no such file, -ERR_DAMAGED if the file is
 * not an environment block (size, signature, a line that is neither assignment nor comment) or the
 * FAT is damaged; -errno of reading. The caller frees it with grubenv_free().
 */
int grubenv_open(const struct disk *disk, struct extent esp, struct grubenv **ret_grubenv);

void grubenv_free(struct grubenv *grubenv);
void grubenv_freep(struct grubenv **grubenv);

/** The value of @name, or NULL; valid until the next change. */
const char *grubenv_get(const struct grubenv *grubenv, const char *name);

/**
 * Set @name to @value in memory, as `grub-editenv` would; NULL removes it. All other lines,
 * comments included, are kept. Returns -ERR_FULL if the block is full, -EINVAL for a name that the
 * block cannot hold.
 */
int grubenv_set(struct grubenv *grubenv, const char *name, const char *value);

/**
 * Write the sectors of 512 bytes that differ from what was last loaded or written, flush, and read
 * them back. As long as all lines fit into the first 512 bytes, that is a single sector, so a power
 * cut leaves either the old block or the new one. If nothing changed, nothing is written. Does not
 * report. Returns -ERR_VERIFY if different bytes were read back; -errno.
 */
int grubenv_write(struct grubenv *grubenv, struct disk *disk);
