/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What a set of boot loaders and a kernel mean for Secure Boot: who signed what, and on which
 * machines that is enough.
 */

#include <stdio.h>

#include "loaderset.h"

struct json_object;

/** Tell people, a few indented lines to @out. @kernel may be NULL: unknown. */
void secureboot_print(const struct loaderset *set, const struct efiprogram *kernel, FILE *out);

/** Add the same for programs to @object. */
void secureboot_json(
	const struct loaderset *set, const struct efiprogram *kernel, struct json_object *object);
