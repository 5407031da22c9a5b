/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Where programs, libraries and modules are taken from: the image's own system, which is in its
 * squashfs files, or this machine.
 */

#include <stdint.h>

#include "image/image.h"

#define SOURCE_FILE_MAX (64u * MIB) /* bytes: more than any of those files has */
#define SOURCE_WHY	256u

struct source;

/** The system in the squashfs files of @image, which must outlive it; of a file in several of them
 * the last counts, as for live-boot: by the list that `module=` names, else by name. Does not
 * report, but says in @ret_why what is wrong with which of them. Returns -ERR_REFUSED if there is
 * none that can be read; -errno. The caller frees it with source_free(). */
int source_open_image(
	const struct image *image, struct source **ret_source, char ret_why[SOURCE_WHY]);

/** This machine's. Returns -ENOMEM. The caller frees it as above. */
int source_open_host(struct source **ret_source);

void source_free(struct source *source);
void source_freep(struct source **source);

/** For messages: "the image" or "this computer". */
const char *source_name(const struct source *source);

/** Say why source_read() of @path failed with @error; @image_name comes first in the message.
 * Returns -ERR_REFUSED if the file is missing or damaged, else @error. */
int source_refuse(const struct source *source, const char *image_name, const char *path, int error);

/** Read the file @path (no leading slash), following links, with a 0 after its last byte that does
 * not count in @ret_size. Does not report. Returns -ENOENT; -ERR_TOO_LARGE beyond SOURCE_FILE_MAX;
 * -ERR_DAMAGED; -errno. The caller frees @ret_data. */
int source_read(const struct source *source, const char *path, void **ret_data, size_t *ret_size);

/** Does it have something at @path? Returns 1 or 0; errors as above. */
int source_has(const struct source *source, const char *path);
