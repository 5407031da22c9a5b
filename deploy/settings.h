/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What the first boot of a stick sets up, by kernel parameters that live-config(7) reads once in
 * the life of a persistence: language, keyboard, time zone, names.
 */

#include "options.h"
#include "persistence/keyboard.h"

struct settings {
	char *parameters;	  /* kernel parameters, separated by blanks; "" if there are none */
	struct keyboard keyboard; /* that the passphrase will be typed on; "": not known */
};

/**
 * Make them from the options, and where neither an option nor @of_image, the parameters in the
 * image's menu, sets one, from this machine's own in the folder @root ("": /). An image without
 * live-config gets only those given as options. Returns -ENOMEM. Free with settings_clear().
 */
int settings_make(const struct deploy_options *options, const char *of_image, const char *root,
	struct settings *ret_settings);

void settings_clear(struct settings *settings);
