/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "keymap.h"

#include <string.h>

#include "base/child.h"
#include "base/log.h"
#include "base/util.h"

/* Remove what ckbcomp says about keys that no console knows; it warns of many. Returns false if it
 * does not know the variant, without which it goes on. */
static bool drop_warnings(char *text)
{
	static const char unknown[] = "WARNING: Can not find \"";
	bool is_known = true;
	char *to = text;

	for (char *line = text, *next; *line; line = next) {
		size_t length = strcspn(line, "\n");

		next = line + length + (line[length] == '\n');
		if (strncmp(line, unknown, strlen(unknown)) == 0)
			is_known = false;
		if (strncmp(line, "WARNING: ", 9) == 0)
			continue;
		memmove(to, line, (size_t)(next - line));
		to += next - line;
	}
	*to = '\0';
	return is_known;
}

/* Mark the characters in the first @n values after "=": "+U+0061", letters with "+" in front. */
static void mark_values(const char *line, unsigned int n, bool typed[128])
{
	const char *value = line + strcspn(line, "=\n");

	for (unsigned int i = 0; *value && *value != '\n' && i < n; i++) {
		unsigned int code;

		value += 1 + strspn(value + 1, " +");
		if (sscanf(value, "U+%4x", &code) == 1 && code < 128)
			typed[code] = true;
		value += strcspn(value, " \n");
	}
}

/* Without these, typed with Shift at most, a passphrase could not be. ckbcomp writes the plain key
 * first and then that with Shift, "keycode 30 = +U+0061 +U+0041 ...", or a line for each, "shift
 * keycode 30 = +U+0041". */
static bool has_ascii(const char *keymap)
{
	static const char wanted[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	bool typed[128] = {false};

	for (const char *line = keymap, *end; *line; line = *end ? end + 1 : end) {
		end = strchrnul(line, '\n');
		if (strncmp(line, "keycode ", 8) == 0)
			mark_values(line, 2, typed);
		else if (strncmp(line, "plain ", 6) == 0 ||
			 strncmp(line, "shift keycode ", 14) == 0)
			mark_values(line, 1, typed);
	}
	for (const char *c = wanted; *c; c++)
		if (!typed[(unsigned char)*c])
			return false;
	return true;
}

static int warn(const struct keyboard *keyboard, const char *why)
{
	log_warning("at boot the passphrase has to be typed as on a US keyboard: cannot make the "
		    "layout %s%s%s: %s",
		keyboard->layout, keyboard->variant[0] ? ":" : "", keyboard->variant, why);
	return 0;
}

int keymap_make(const struct keyboard *keyboard, const struct observer *observer, char **ret_keymap)
{
	const char *variant = keyboard->variant[0] ? keyboard->variant : NULL;
	const char *const argv[] = {"ckbcomp", keyboard->layout, variant, NULL};
	autofree char *keymap = NULL;
	bool is_known;
	int status, r;

	*ret_keymap = NULL;
	if (!keyboard->layout[0] || (strcmp(keyboard->layout, "us") == 0 && !variant))
		return 0;
	r = child_capture(argv, NULL, observer, &status, &keymap);
	if (r == -ENOMEM || r == -EINTR)
		return r;
	if (r < 0)
		return warn(keyboard, r == -ENOENT ? "install console-setup here" : error_text(r));
	is_known = drop_warnings(keymap);
	if (status != 0 || !is_known || !strstr(keymap, "keycode "))
		return warn(keyboard, "ckbcomp does not know it");
	if (!has_ascii(keymap))
		return warn(keyboard, "it does not have all ASCII letters and digits");
	*ret_keymap = steal_pointer(keymap);
	return 0;
}
