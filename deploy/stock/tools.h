/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * cryptsetup for an initrd without it: the programs with all libraries that they load, in a folder
 * of their own with their own loader, so that they never meet the initrd's; in their places
 * scripts that start them.
 */

#include "parts.h"
#include "source.h"

/** Does @source have cryptsetup? @image_name is for messages. Reports. Returns 1 or 0; -ERR_REFUSED
 * if it cannot be read; -errno. */
int tools_are_in(const struct source *source, const char *image_name);

/** Add loadkeys of the image's system @image, which sets the layout of the console's keyboard,
 * where the initrd lacks it; in a folder of its own. Does not report. Returns -ENOENT and so on. */
int tools_add_loadkeys(const struct source *image, struct parts *parts);

/**
 * Add to @parts what live-boot wants for an encrypted persistence (9990-cmdline-old: the programs
 * /sbin/cryptsetup and /lib/cryptsetup/askpass) and what those need: dmsetup and udev's rules for
 * device-mapper, without which `cryptsetup open` waits for ever; each only where the initrd lacks
 * it. @image is the system that they will run in: they must be for the same machine, and if they
 * are not its own, the file `brought` says so to the first boot. @image_name is for messages.
 * Reports. Returns -ERR_REFUSED if one cannot be had; -errno.
 */
int tools_add(const struct source *source, const struct source *image, const char *image_name,
	struct parts *parts);
