/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What udev, where it runs, has recorded about a block device, readable by every user.
 */

#include "device.h"
#include "host.h"

/** A property ("ID_SERIAL_SHORT"), with \x20 and the like decoded, in printable ASCII; "" if there
 * is none. */
void udev_property(const struct host *host, dev_t devno, const char *name, char *text, size_t size);

/** Add to @disks the whole disks beneath the block devices that have this property with this value.
 * Returns device_add_disks()'s errors. */
int udev_add_disks(
	const struct host *host, const char *name, const char *value, struct device_disks *disks);
