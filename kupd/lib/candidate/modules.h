/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The kernel modules that a stick needs to boot, looked up by libkmod in the initrd's own index.
 */

#include "abilities.h"
#include "disk/luks.h"
#include "initrd/initrd.h"

/**
 * Check that each module a stick needs to boot is built into the kernel or in the initrd, along
 * with its dependencies: usb-storage, uas, xhci, sd, isofs, squashfs, overlay, loop, ext4, vfat.
 * With @luks (may be NULL) also dm-crypt and the ciphers it lists, and the programs cryptsetup and
 * askpass. Reports each one that is missing, with the way out; if cryptsetup is missing, only that,
 * since its package brings the rest. What the kernel was built without is reported as the kernel's
 * lack, not the initrd's; if that is USB, nothing else. An initrd that cannot make use of a USB
 * keyboard causes a warning with @luks. An initrd that initrd_check() refuses because of its
 * modules folders is not examined. Returns -ERR_REFUSED if any is missing; -errno.
 */
int modules_check(const struct initrd *initrd, const char *name, const struct luks *luks,
	const struct abilities *abilities);
