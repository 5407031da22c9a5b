/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The layout of a keyboard as loadkeys(1) of an initrd takes it, so that the passphrase is typed at
 * boot as it was here.
 */

#include "base/observer.h"
#include "keyboard.h"

/** Have ckbcomp (console-setup) make it. NULL for a US keyboard, an unknown one, and if it cannot
 * be made, which is warned of. Returns -ENOMEM; -EINTR. The caller frees @ret_keymap. */
int keymap_make(
	const struct keyboard *keyboard, const struct observer *observer, char **ret_keymap);
