/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The boot loaders in the EFI system partition, where firmware looks for them on a stick
 * (UEFI 3.5.1.1).
 */

#include "disk/disk.h"

/**
 * Is one of them signed, as required by Secure Boot? Reads only the headers, without mounting; the
 * signature is not verified. Also false if nothing can be read there.
 */
bool bootloader_is_signed(const struct disk *disk, struct extent esp);
