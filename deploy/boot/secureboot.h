/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What a set of boot loaders and a kernel mean for Secure Boot: who signed what, and on which
 * machines that suffices.
 */

#include "loaderset.h"

/** A text that says on which machines the firmware starts @set, and whether that starts @kernel
 * (NULL: unknown): "boots". Static. */
const char *secureboot_meaning(const struct loaderset *set, const struct efiprogram *kernel);
