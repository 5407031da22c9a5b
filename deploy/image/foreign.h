/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Telling what it is that people take for a Debian live image: another family's image, an
 * installer, an archive, a web page.
 */

#include "disk/disk.h"
#include "iso/volume.h"

/** What the file @disk, which is not ISO 9660, is instead, and the way out: "is a zip archive:
 * unpack it first". NULL: not known. */
const char *foreign_file(const struct disk *disk);

/** The same for the tree of an image: one of another family, or one that updates itself. NULL: it
 * may be for live-boot. */
const char *foreign_tree(const struct volume *volume);
