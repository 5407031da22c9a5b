/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "keymap.h"

#include <string.h>

#include "base/child.h"
#include "base/log.h"
#include "base/util.h"

/* Remove what ckbcomp says about keys that no console knows; it warns of many. */
static void drop_warnings(char *text)
{
	char *to = text;

	for (char *line = text, *next; *line; line = next) {
		size_t length = strcspn(line, "\n");

		next = line + length + (line[length] == '\n');
		if (strncmp(line, "WARNING: ", 9) == 0)
			continue;
		memmove(to, line, (size_t)(next - line));
		to += next - line;
	}
	*to = '\0';
}

/* As ckbcomp writes them: "keycode 30 = +U+0061 +U+0041", letters with "+" in front. Without these
 * a passphrase could not be typed. */
static bool has_ascii(const char *keymap)
{
	static const char wanted[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

	for (const char *c = wanted; *c; c++) {
		char code[16];

		snprintf(code, sizeof(code), "U+%04x", (unsigned int)*c);
		if (!strstr(keymap, code))
			return false;
	}
	return true;
}

static int warn(const struct keyboard *keyboard, const char *why)
{
	log_warning("at boot the passphrase has to be typed as on a US keyboard: cannot make the "
		    "layout %s%s%s: %s",
		keyboard->layout, keyboard->variant[0] ? ":" : "", keyboard->variant, why);
	return 0;
}

int keymap_make(const struct keyboard *keyboard, char **ret_keymap)
{
	const char *variant = keyboard->variant[0] ? keyboard->variant : NULL;
	const char *const argv[] = {"ckbcomp", keyboard->layout, variant, NULL};
	autofree char *keymap = NULL;
	int status, r;

	*ret_keymap = NULL;
	if (!keyboard->layout[0] || (strcmp(keyboard->layout, "us") == 0 && !variant))
		return 0;
	r = child_capture(argv, NULL, &status, &keymap);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return warn(keyboard, r == -ENOENT ? "install console-setup here" : error_text(r));
	drop_warnings(keymap);
	if (status != 0 || !strstr(keymap, "keycode "))
		return warn(keyboard, "ckbcomp does not know it");
	if (!has_ascii(keymap))
		return warn(keyboard, "it does not have all ASCII letters and digits");
	*ret_keymap = steal_pointer(keymap);
	return 0;
}
