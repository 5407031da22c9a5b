/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "error.h"

#include <stdlib.h>
#include <string.h>

static const char *const texts[] = {
	[ERR_NOT_STICK - ERR_NOT_STICK] = "Not a liveng stick",
	[ERR_REFUSED - ERR_NOT_STICK] = "Refused by a check",
	[ERR_NO_ROOM - ERR_NOT_STICK] = "No space left on the target",
	[ERR_VERIFY - ERR_NOT_STICK] = "Checksums do not match",
	[ERR_BUSY - ERR_NOT_STICK] = "In use by another program",
	[ERR_DAMAGED - ERR_NOT_STICK] = "Its content is damaged",
	[ERR_FOREIGN - ERR_NOT_STICK] = "Not of the expected kind",
	[ERR_SHORT - ERR_NOT_STICK] = "It ends too early",
	[ERR_TOO_LARGE - ERR_NOT_STICK] = "Too large",
	[ERR_UNSUPPORTED - ERR_NOT_STICK] = "Not supported by this version",
	[ERR_FULL - ERR_NOT_STICK] = "No room left in it",
	[ERR_NO_SUMS - ERR_NOT_STICK] = "No checksums recorded",
	[ERR_NOT_DISK - ERR_NOT_STICK] = "Neither a block device nor a regular file",
	[ERR_SOURCE - ERR_NOT_STICK] = "It changed, or can no longer be read",
	[ERR_TOOL - ERR_NOT_STICK] = "A required program or library failed",
	[ERR_ISOFS - ERR_NOT_STICK] = "libisofs failed; --verbose shows its messages",
};

const char *error_text(int error)
{
	size_t own = (size_t)(abs(error) - ERR_NOT_STICK);

	if (abs(error) < ERR_NOT_STICK)
		return strerror(abs(error));
	return own < sizeof(texts) / sizeof(texts[0]) ? texts[own] : "Unknown error";
}
