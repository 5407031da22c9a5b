/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The running live system: which disks it came from.
 */

#include "device.h"
#include "host.h"

/**
 * The disk of the stick that the system runs from: the one that holds the file system at
 * /run/live/medium (/lib/live/mount/medium with old live-boot); if that is not on a disk (`toram`),
 * the one that holds the persistence below /run/live/persistence, also through LUKS and other
 * device-mapper layers (sysfs `slaves`). `live-media=/dev/disk/by-partuuid/UUID` on the kernel
 * command line, if that partition exists, decides between several and must agree with the
 * persistence; it is enough on its own if there is neither (`toram` without persistence). It
 * decides nothing if two disks have that partition, one a copy of the other. Reports. Returns
 * -ERR_NOT_STICK if there is none; -ERR_REFUSED if there are two and nothing decides between them;
 * -errno. The caller frees @ret_path ("/dev/sdb").
 */
int live_find_stick(const struct host *host, char **ret_path);

/** All disks that the running live system may need or was booted from, as above: those of its
 * medium, those of its persistence, and the one named on the kernel command line, along with its
 * copies if the medium does not show which of them it was. None if it is not a live system.
 * Reports. Returns -errno. */
int live_disks(const struct host *host, struct device_disks *ret_disks);
