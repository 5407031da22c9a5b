/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The files to be added to an initrd, collected until they are written as one segment.
 */

#include <sys/types.h>

#include "initrd/initrd.h"
#include "segment.h"

struct parts;

/** None yet, for @initrd, which must outlive them. Returns -ENOMEM. The caller frees them with
 * parts_free(). */
int parts_new(const struct initrd *initrd, struct parts **ret_parts);

void parts_free(struct parts *parts);
void parts_freep(struct parts **parts);

size_t parts_count(const struct parts *parts);

/** Add the file @path (as for initrd_place()) with these permissions; @data is freed with the
 * parts, or at once if this fails. One of that path replaces the former. Returns -ENOMEM;
 * -ERR_TOO_LARGE. */
int parts_take(struct parts *parts, const char *path, mode_t permissions, void *data, size_t size);

/** The same with a copy of @text. */
int parts_add_text(struct parts *parts, const char *path, mode_t permissions, const char *text);

/** Has a part, or the initrd itself, this path? */
bool parts_have(const struct parts *parts, const char *path);

/** Move all into @segment, with the folders that the initrd lacks. Returns as segment_add(). */
int parts_write(struct parts *parts, struct segment *segment);
