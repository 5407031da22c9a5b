/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "keyboard.h"

#include <ctype.h>
#include <string.h>

#include "base/util.h"

/* Letters (lower case) and digits that these layouts have elsewhere. Other Latin layouts move only
 * punctuation. */
static const struct {
	const char *layouts;
	const char *moved;
} families[] = {
	{" at ba ch de hr hu me rs si ", "yz"},
	{" cz sk ", "yz0123456789"},
	{" be fr ", "aqwzm0123456789"},
};

/* Variants of any layout that have nearly all letters elsewhere. */
static const char *const other_orders[] = {
	"dvorak", "colemak", "workman", "bepo", "neo", "koy", "adnw", "bone"};

static bool has_other_order(const struct keyboard *keyboard)
{
	for (size_t i = 0; i < ARRAY_SIZE(other_orders); i++)
		if (strstr(keyboard->variant, other_orders[i]))
			return true;
	return false;
}

static const char *moved_by(const char *layout)
{
	char word[sizeof(((struct keyboard *)NULL)->layout) + 2];

	snprintf(word, sizeof(word), " %s ", layout);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		if (strstr(families[i].layouts, word))
			return families[i].moved;
	return "";
}

/* The first item of `NAME="a,b"`, if @line assigns NAME. */
static void take_value(const char *line, const char *name, char *ret_value, size_t size)
{
	const char *value = line + strlen(name);

	if (strncmp(line, name, strlen(name)) != 0 || *value++ != '=')
		return;
	value += strspn(value, "\"'");
	snprintf(ret_value, size, "%.*s", (int)strcspn(value, "\"', \t\n"), value);
}

void keyboard_read(const char *path, struct keyboard *ret_keyboard)
{
	cleanup(close_file) FILE *file = fopen(path, "re");
	struct keyboard keyboard = {.layout = ""};
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		take_value(line, "XKBLAYOUT", keyboard.layout, sizeof(keyboard.layout));
		take_value(line, "XKBVARIANT", keyboard.variant, sizeof(keyboard.variant));
	}
	*ret_keyboard = keyboard;
}

bool keyboard_moves(const struct keyboard *keyboard, const char *text, size_t size)
{
	const bool is_us = strcmp(keyboard->layout, "us") == 0;
	const bool other_order = has_other_order(keyboard);
	const char *moved = moved_by(keyboard->layout);

	if (!keyboard->layout[0])
		return false;
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c >= 0x80 || c == ' ')
			continue;
		if (isalpha(c) && other_order)
			return true;
		if (isalnum(c) ? strchr(moved, tolower(c)) != NULL : !is_us || other_order)
			return true;
	}
	return false;
}
