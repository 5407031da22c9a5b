/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "sources.h"

#include <sys/stat.h>

#include "image/image.h"
#include "base/log.h"
#include "base/util.h"

struct sources sources_of(const struct options *options)
{
	const char *const all[] = {
		options->image, options->kernel, options->initrd, options->passphrase_file};
	struct sources sources = {0};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i])
			sources.paths[n++] = all[i];
	return sources;
}

int sources_check_image(const struct options *options)
{
	const char *image = options->image, *first = options->targets[0];
	struct stat st;
	int r = image_probe(image);

	/* An image is a file, mostly, and a target none that holds an image. */
	if ((r < 0 || (stat(image, &st) == 0 && S_ISBLK(st.st_mode))) && stat(first, &st) == 0 &&
		S_ISREG(st.st_mode) && image_probe(first) == 0) {
		log_error(
			"%s: is the image, not a target: first the image, then the targets", first);
		return -ERR_REFUSED;
	}
	if (r == 0 || r == -EMEDIUMTYPE || r == -ENOTBLK)
		return 0; /* image_open() tells more */
	errno = -r;
	log_error("%s: %m", image);
	return r;
}

int sources_check_target(const struct sources *sources, const struct target *target)
{
	for (const char *const *path = sources->paths; *path; path++) {
		if (!target_is_at(target, *path))
			continue;
		log_error("%s: is what the stick is to be made of: name another target",
			target->path);
		return -ERR_REFUSED;
	}
	return 0;
}
