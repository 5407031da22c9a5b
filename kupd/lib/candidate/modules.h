/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The kernel modules that a stick needs to come up, asked of libkmod over the initrd's own index.
 */

#include "disk/luks.h"
#include "initrd/initrd.h"

/**
 * Check that each module a stick boots with is built into the kernel or lies in the initrd, its
 * dependencies too: usb-storage, uas, xhci, sd, isofs, squashfs, overlay, loop, ext4, vfat. With
 * @luks (may be NULL) also dm-crypt and the ciphers that it names, and the programs cryptsetup and
 * askpass. Reports each one that is missing, with the way out; without cryptsetup that alone, as
 * its package brings the rest. An initrd that initrd_check() refuses for its modules folders is not
 * looked at. Returns -ERR_REFUSED if any is missing; -errno.
 */
int modules_check(const struct initrd *initrd, const char *name, const struct luks *luks);
