/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "source.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "base/util.h"
#include "iso/tree.h"
#include "squash.h"

#define BLANKS	 " \t\r\n"
#define LIST_MAX (64u * 1024u)

struct source {
	struct squash_layers layers; /* none: this machine */
	bool is_host;
};

/* Why a squashfs cannot be read, and what that makes of the error. */
static int explain(const char *path, int error, char ret_why[SOURCE_WHY])
{
	const char *what;

	switch (error) {
	case -ERR_FOREIGN:
		what = "is not a squashfs";
		break;
	case -ERR_UNSUPPORTED:
		what = "is compressed in a way, such as lzo, that this computer's libsquashfs "
		       "cannot read: take an image with another compression";
		break;
	case -ERR_DAMAGED:
	case -ERR_SHORT:
		what = "is damaged: download the image again";
		break;
	default:
		snprintf(ret_why, SOURCE_WHY, "cannot read %s: %s", path, error_text(error));
		return error;
	}
	snprintf(ret_why, SOURCE_WHY, "%s %s", path, what);
	return -ERR_REFUSED;
}

static int open_layer(struct source *source, const struct image *image, const char *path,
	char ret_why[SOURCE_WHY])
{
	struct squash_layers *layers = &source->layers;
	struct volume_file file;
	int r = image_find(image, path, &file);

	if (r == 0 && layers->n == SQUASH_LAYERS_MAX)
		r = -ERR_TOO_LARGE;
	if (r == 0)
		r = squash_open(image_disk(image), file.extent, &layers->list[layers->n]);
	if (r < 0)
		return explain(path, r, ret_why);
	layers->n++;
	return 0;
}

/* Its words, NULL-terminated. */
static int split_words(char *text, char ***ret_words)
{
	cleanup(tree_names_freep) char **words = calloc(strlen(text) / 2 + 2, sizeof(*words));
	size_t n = 0;
	char *save;

	if (!words)
		return -ENOMEM;
	for (char *word = strtok_r(text, BLANKS, &save); word;
		word = strtok_r(NULL, BLANKS, &save)) {
		words[n] = strdup(word);
		if (!words[n++])
			return -ENOMEM;
	}
	*ret_words = steal_pointer(words);
	return 0;
}

/* What is in the folder, the topmost layer last: by the list that the menu may name, else by name
 * (live-boot, 9990-overlay.sh). */
static int list_layers(const struct image *image, const char *folder, char ***ret_names)
{
	static const char *const prefixes[] = {"filesystem.", ""};
	autofree char *module = image_parameter(image, "module=");
	int r = -ENOENT;

	for (size_t i = 0; r == -ENOENT && i < ARRAY_SIZE(prefixes); i++) {
		autofree char *path =
			text_new("%s/%s%s.module", folder, prefixes[i], module ?: "filesystem");
		autofree char *list = NULL;
		size_t size;

		r = path ? image_read(image, path, LIST_MAX, (void **)&list, &size) : -ENOMEM;
		if (r == 0)
			return split_words(list, ret_names);
	}
	return r == -ENOENT ? image_list(image, folder, ret_names) : r;
}

int source_open_image(
	const struct image *image, struct source **ret_source, char ret_why[SOURCE_WHY])
{
	cleanup(source_freep) struct source *source = calloc(1, sizeof(*source));
	cleanup(tree_names_freep) char **names = NULL;
	const char *folder = image_folder(image);
	size_t n = 0;
	int r = source ? list_layers(image, folder, &names) : -ENOMEM;

	if (r < 0)
		return explain(folder, r, ret_why);
	while (names[n])
		n++;
	while (r == 0 && n-- > 0) {
		const char *suffix = strrchr(names[n], '.');
		autofree char *path = text_new("%s/%s", folder, names[n]);

		if (!path)
			return explain(names[n], -ENOMEM, ret_why);
		if (suffix && strcmp(suffix, ".squashfs") == 0)
			r = open_layer(source, image, path, ret_why);
	}
	if (r < 0)
		return r;
	if (source->layers.n == 0) {
		snprintf(ret_why, SOURCE_WHY, "has no squashfs in %s/", folder);
		return -ERR_REFUSED;
	}
	*ret_source = steal_pointer(source);
	return 0;
}

int source_open_host(struct source **ret_source)
{
	struct source *source = calloc(1, sizeof(*source));

	if (!source)
		return -ENOMEM;
	source->is_host = true;
	*ret_source = source;
	return 0;
}

void source_free(struct source *source)
{
	if (!source)
		return;
	for (size_t i = 0; i < source->layers.n; i++)
		squash_close(source->layers.list[i]);
	free(source);
}

void source_freep(struct source **source)
{
	source_free(*source);
}

const char *source_name(const struct source *source)
{
	return source->is_host ? "this computer" : "the image";
}

int source_refuse(const struct source *source, const char *image_name, const char *path, int error)
{
	const char *where = source_name(source);

	switch (error) {
	case -ENOENT:
		return refuse(-ERR_REFUSED,
			"%s: needs %s to open an encrypted persistence, and %s does not have it",
			image_name, path, where);
	case -ELOOP:
	case -ERR_FOREIGN:
	case -ERR_DAMAGED:
	case -ERR_SHORT:
	case -ERR_TOO_LARGE:
		return refuse(-ERR_REFUSED, "%s: cannot use %s of %s: it is damaged", image_name,
			path, where);
	default:
		return report(error, "%s: cannot read %s of %s", image_name, path, where);
	}
}

static int read_host(const char *path, void **ret_data, size_t *ret_size)
{
	autofree char *absolute = text_new("/%s", path);

	if (!absolute)
		return -ENOMEM;
	return file_read_whole(absolute, SOURCE_FILE_MAX, ret_data, ret_size);
}

int source_read(const struct source *source, const char *path, void **ret_data, size_t *ret_size)
{
	if (source->is_host)
		return read_host(path, ret_data, ret_size);
	return squash_read(&source->layers, path, SOURCE_FILE_MAX, ret_data, ret_size);
}

int source_has(const struct source *source, const char *path)
{
	autofree char *absolute = NULL;

	if (!source->is_host)
		return squash_has(&source->layers, path);
	absolute = text_new("/%s", path);
	if (!absolute)
		return -ENOMEM;
	if (access(absolute, F_OK) < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	return 1;
}
