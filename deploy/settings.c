/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "settings.h"

#include <limits.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "base/util.h"

#define ZONES "/zoneinfo/"

/* What live-config does without being told so. */
#define DEFAULT_LAYOUT "us"

/* The value of the parameter @name, as "NAME=" or "live-config.NAME="; the last one counts. */
static const char *find_value(const char *parameters, const char *name, size_t *ret_length)
{
	static const char prefix[] = "live-config.";
	const size_t length = strlen(name);
	const char *found = NULL;

	for (const char *word = parameters; *word; word += strcspn(word, " ")) {
		word += strspn(word, " ");
		if (strncmp(word, prefix, strlen(prefix)) == 0)
			word += strlen(prefix);
		if (strncmp(word, name, length) == 0 && word[length] == '=')
			found = word + length + 1;
	}
	if (found)
		*ret_length = strcspn(found, " ");
	return found;
}

/* live-config(7): without one of these words it does nothing. */
static bool uses_live_config(const char *parameters)
{
	for (const char *word = parameters; *word; word += strcspn(word, " ")) {
		static const char *const words[] = {
			"components", "config", "live-config", "live-config.components"};
		size_t length;

		word += strspn(word, " ");
		length = strcspn(word, " =");
		for (size_t i = 0; i < ARRAY_SIZE(words); i++)
			if (length == strlen(words[i]) && strncmp(word, words[i], length) == 0)
				return true;
	}
	return false;
}

/* LANG in locale.conf(5) or Debian's file; NULL: none that is a language. */
static char *own_locale(const char *root)
{
	static const char *const files[] = {"/etc/default/locale", "/etc/locale.conf"};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		autofree char *path = text_new("%s%s", root, files[i]), *text = NULL;
		char *line, *next;

		if (!path || file_read_text(path, '\0', &text) < 0)
			continue;
		next = text;
		while ((line = strsep(&next, "\n"))) {
			if (strncmp(line, "LANG=", 5) != 0)
				continue;
			line += 5 + strspn(line + 5, "\"'");
			line[strcspn(line, "\"' \t")] = '\0';
			return *line != 'C' && options_locale_is_valid(line) ? strdup(line) : NULL;
		}
	}
	return NULL;
}

/* The zone that /etc/localtime leads to. */
static char *own_timezone(const char *root)
{
	autofree char *path = text_new("%s/etc/localtime", root);
	char target[PATH_MAX];
	const char *zone;
	ssize_t n = path ? readlink(path, target, sizeof(target) - 1) : -1;

	if (n < 0)
		return NULL;
	target[n] = '\0';
	zone = strstr(target, ZONES);
	zone = zone ? zone + strlen(ZONES) : "";
	return options_timezone_is_valid(zone) && !strstr(zone, "UTC") ? strdup(zone) : NULL;
}

static void own_keyboard(const char *root, struct keyboard *ret_keyboard)
{
	autofree char *path = text_new("%s/etc/default/keyboard", root);

	*ret_keyboard = (struct keyboard){.layout = ""};
	if (path)
		keyboard_read(path, ret_keyboard);
}

/* "de" or "de:neo". */
static void parse_keyboard(const char *text, struct keyboard *ret_keyboard)
{
	const size_t length = strcspn(text, ":,");

	*ret_keyboard = (struct keyboard){.layout = ""};
	snprintf(ret_keyboard->layout, sizeof(ret_keyboard->layout), "%.*s", (int)length, text);
	text = strchr(text, ':');
	if (text)
		snprintf(ret_keyboard->variant, sizeof(ret_keyboard->variant), "%.*s",
			(int)strcspn(text + 1, ","), text + 1);
}

/* What this machine or an image says may be anything. */
static void check_keyboard(struct keyboard *keyboard)
{
	char text[sizeof(*keyboard) + 2];

	snprintf(text, sizeof(text), "%s%s%s", keyboard->layout, keyboard->variant[0] ? ":" : "",
		keyboard->variant);
	if (!options_keyboard_is_valid(text))
		*keyboard = (struct keyboard){.layout = ""};
}

/* The layout in the image's menu; false: none. */
static bool image_keyboard(const char *of_image, struct keyboard *ret_keyboard)
{
	size_t length = 0;
	const char *layout = find_value(of_image, "keyboard-layouts", &length), *variant;

	if (!layout)
		return false;
	*ret_keyboard = (struct keyboard){.layout = ""};
	snprintf(ret_keyboard->layout, sizeof(ret_keyboard->layout), "%.*s",
		(int)MIN(length, strcspn(layout, ", ")), layout);
	variant = find_value(of_image, "keyboard-variants", &length);
	if (variant)
		snprintf(ret_keyboard->variant, sizeof(ret_keyboard->variant), "%.*s",
			(int)MIN(length, strcspn(variant, ", ")), variant);
	return true;
}

static void put(FILE *out, const char *name, const char *value)
{
	if (value && *value)
		fprintf(out, "%s%s=%s", ftell(out) > 0 ? " " : "", name, value);
}

/* Of an option, else of this machine's, where the image says nothing. */
static void put_own(FILE *out, const char *name, const char *given, const char *of_image,
	char *(*own)(const char *root), const char *root)
{
	autofree char *value = NULL;
	size_t length;

	if (!given && uses_live_config(of_image) && !find_value(of_image, name, &length))
		value = own(root);
	put(out, name, given ? given : value);
}

/* "us,ru:,phonetic" as two parameters; without variants those of the image do not hold either. */
static void put_given_keyboard(FILE *out, const char *keyboard, const char *of_image)
{
	const int layouts = (int)strcspn(keyboard, ":");
	const char *variants = keyboard[layouts] ? keyboard + layouts + 1 : "";
	size_t length;

	fprintf(out, "%skeyboard-layouts=%.*s", ftell(out) > 0 ? " " : "", layouts, keyboard);
	if (*variants || find_value(of_image, "keyboard-variants", &length))
		fprintf(out, " keyboard-variants=%s", variants);
}

static void put_keyboard(FILE *out, const struct deploy_options *options, const char *of_image,
	const char *root, struct keyboard *ret_keyboard)
{
	bool is_default;

	if (options->keyboard) {
		parse_keyboard(options->keyboard, ret_keyboard);
		put_given_keyboard(out, options->keyboard, of_image);
		return;
	}
	if (image_keyboard(of_image, ret_keyboard)) {
		check_keyboard(ret_keyboard);
		return;
	}
	own_keyboard(root, ret_keyboard);
	check_keyboard(ret_keyboard);
	is_default = strcmp(ret_keyboard->layout, DEFAULT_LAYOUT) == 0 && !ret_keyboard->variant[0];
	if (!uses_live_config(of_image) || is_default)
		return;
	put(out, "keyboard-layouts", ret_keyboard->layout);
	put(out, "keyboard-variants", ret_keyboard->variant);
}

int settings_make(const struct deploy_options *options, const char *of_image, const char *root,
	struct settings *ret_settings)
{
	struct settings settings = {.parameters = NULL};
	size_t size;
	FILE *out = open_memstream(&settings.parameters, &size);

	if (!out)
		return -errno;
	put_own(out, "locales", options->locale, of_image, own_locale, root);
	put_keyboard(out, options, of_image, root, &settings.keyboard);
	put_own(out, "timezone", options->timezone, of_image, own_timezone, root);
	put(out, "username", options->username);
	put(out, "hostname", options->hostname);
	if (fclose(out) != 0) {
		free(settings.parameters);
		return -errno;
	}
	*ret_settings = settings;
	return 0;
}

void settings_clear(struct settings *settings)
{
	free(settings->parameters);
	*settings = (struct settings){.parameters = NULL};
}
