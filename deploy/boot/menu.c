/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "menu.h"

#include <ctype.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "datadir.h"

#define TEMPLATE "grub.cfg"

#define BLANKS	       " \t\r\n"
#define NAME_MAX_SHOWN 60u /* characters of the system's name: a menu line has about 80 */

#define MEDIUM "live-media=/dev/disk/by-partuuid/"

/* What GRUB takes literally without quotes. */
#define PLAIN "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._,:=/+@%-"

/* Write one word for GRUB, whatever is in it: between single quotes only the quotes themselves are
 * special. The character @dropped is omitted; 0: none. */
static void put_word(FILE *out, const char *text, size_t length, char dropped)
{
	bool is_plain = length > 0;

	for (size_t i = 0; is_plain && i < length; i++)
		is_plain = text[i] == dropped || strchr(PLAIN, text[i]);
	if (!is_plain)
		fputc('\'', out);
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\'')
			fputs("'\\''", out);
		else if (text[i] != dropped)
			fputc(iscntrl((unsigned char)text[i]) ? ' ' : text[i], out);
	}
	if (!is_plain)
		fputc('\'', out);
}

/* Write kernel parameters, each as its own word. Blanks between double quotes do not end a word;
 * GRUB restores the quotes where the kernel needs them. */
static void put_parameters(FILE *out, const char *text)
{
	while (*(text += strspn(text, BLANKS))) {
		const char *word = text;
		bool is_quoted = false, is_empty = true;

		for (; *text && (is_quoted || !strchr(BLANKS, *text)); text++) {
			if (*text == '"')
				is_quoted = !is_quoted;
			else
				is_empty = false;
		}
		if (is_empty)
			continue;
		fputc(' ', out);
		put_word(out, word, (size_t)(text - word), '"');
	}
}

/* "Debian GNU/Linux 12 "Bookworm" - Official Snapshot amd64 LIVE ...": only the part before the
 * dash. */
static void put_name(FILE *out, const struct menu *menu)
{
	const char *end = strstr(menu->name, " - ");
	size_t length = end ? (size_t)(end - menu->name) : strlen(menu->name);

	put_word(out, menu->name, MIN(length, NAME_MAX_SHOWN), 0);
}

static void put_release(FILE *out, const struct menu *menu)
{
	put_word(out, menu->release, strlen(menu->release), 0);
}

/* The kernel parameters of every entry. */
static void put_common(FILE *out, const struct menu *menu)
{
	char partuuid[64] = "";

	/* In lower case, as in udev's symlinks. */
	for (size_t i = 0; menu->system_partuuid[i] && i < sizeof(partuuid) - 1; i++)
		partuuid[i] = (char)tolower((unsigned char)menu->system_partuuid[i]);
	put_parameters(out, menu->parameters);
	put_parameters(out, menu->settings);
	fputs(" " MEDIUM, out);
	put_word(out, partuuid, strlen(partuuid), 0);
	if (menu->console) {
		fputs(" console=tty0 console=", out);
		put_word(out, menu->console, strlen(menu->console), 0);
	}
	if (menu->append)
		put_parameters(out, menu->append);
}

static void put_persistence(FILE *out, const struct menu *menu)
{
	if (menu->persistence)
		fputs(" persistence", out);
	if (menu->persistence && menu->encrypted)
		fputs(" persistence-encryption=luks", out);
}

/* Use the serial line for GRUB itself, too, if the kernel's console is one that GRUB supports. */
static void put_terminal(FILE *out, const struct menu *menu)
{
	unsigned int unit, speed = 9600;

	if (!menu->console || sscanf(menu->console, "ttyS%u,%u", &unit, &speed) < 1 || unit > 3)
		return;
	fprintf(out,
		"if serial --unit=%u --speed=%u; then\n"
		"\tterminal_input console serial\n"
		"\tterminal_output $output serial\n"
		"fi\n",
		unit, speed);
}

static const struct {
	const char *name;
	void (*put)(FILE *out, const struct menu *menu);
} places[] = {
	{"@common@", put_common},
	{"@name@", put_name},
	{"@persistence@", put_persistence},
	{"@release@", put_release},
	{"@terminal@\n", put_terminal},
};

static void fill(FILE *out, const char *template, const struct menu *menu)
{
	while (*template) {
		size_t i = 0, length;

		while (i < ARRAY_SIZE(places) &&
			strncmp(template, places[i].name, strlen(places[i].name)) != 0)
			i++;
		if (i < ARRAY_SIZE(places)) {
			places[i].put(out, menu);
			template += strlen(places[i].name);
			continue;
		}
		length = 1 + strcspn(template + 1, "@");
		fwrite(template, 1, length, out);
		template += length;
	}
}

int menu_text(const struct menu *menu, char **ret_text)
{
	autofree char *template = NULL, *text = NULL;
	bool is_whole = false;
	size_t size;
	FILE *out;
	int r;

	r = datadir_read(TEMPLATE, (void **)&template, &size);
	if (r < 0)
		return r;
	out = open_memstream(&text, &size);
	if (out) {
		fill(out, template, menu);
		is_whole = !ferror(out);
		is_whole &= fclose(out) == 0;
	}
	if (!is_whole)
		return refuse(-ENOMEM, "no memory for the boot menu");
	*ret_text = steal_pointer(text);
	return 0;
}
