/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "factoryset.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/tempfile.h"
#include "base/text.h"
#include "base/util.h"
#include "kernel/kernel.h"

#define COPY_PIECE MIB

/* The checks read a regular file from beginning to end: extract it from the image. */
static int extract(const struct image *image, struct extent extent, const char *name, int *ret_fd)
{
	autofree uint8_t *buffer = disk_buffer(COPY_PIECE);
	autoclose int fd = -1;
	int r;

	if (!buffer)
		return -ENOMEM;
	r = tempfile_open(&fd);
	if (r < 0)
		return r;
	for (uint64_t done = 0; done < extent.size;) {
		size_t size = (size_t)MIN(extent.size - done, (uint64_t)COPY_PIECE);

		r = disk_read(image_disk(image), extent.start + done, buffer, size);
		if (r < 0)
			return report(r, "%s: cannot read it", name);
		r = file_write(fd, buffer, size, done);
		if (r < 0)
			return refuse(
				r, "cannot write a temporary file: %s: set TMPDIR", error_text(r));
		done += size;
	}
	*ret_fd = steal_fd(&fd);
	return 0;
}

/* Open one of the two files. @ret_name is for messages. */
static int open_part(const struct image *image, const char *path_in_image, const char *file,
	int *ret_fd, char **ret_name, struct tree_file *ret_file)
{
	struct tree_file part = {0};
	struct stat st;
	int r;

	if (file) {
		*ret_name = strdup(file);
		*ret_fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (!*ret_name || *ret_fd < 0 || fstat(*ret_fd, &st) < 0)
			return report(-errno, "%s", file);
		if (!S_ISREG(st.st_mode) || st.st_size == 0)
			return refuse(-ERR_REFUSED, "%s: is %s", file,
				S_ISREG(st.st_mode) ? "empty" : "not a regular file");
		*ret_file = (struct tree_file){.path = *ret_name};
		return 0;
	}
	*ret_name = text_new("%s: %s", image_path(image), path_in_image);
	if (!*ret_name)
		return -ENOMEM;
	part.path = image_path(image);
	r = image_find(image, path_in_image, &part.part);
	if (r < 0)
		return report(r, "%s: cannot read it", *ret_name);
	if (part.part.extent.size == 0)
		return refuse(-ERR_REFUSED, "%s: is empty", *ret_name);
	r = extract(image, part.part.extent, *ret_name, ret_fd);
	if (r < 0)
		return r;
	*ret_file = part;
	return 0;
}

static int size_of(int fd, struct stat *st, uint64_t *ret_size)
{
	if (fstat(fd, st) < 0)
		return -errno;
	*ret_size = (uint64_t)st->st_size;
	return 0;
}

int factoryset_open(const struct image *image, const char *kernel, const char *initrd,
	struct factoryset *ret_set)
{
	cleanup(candidate_freep) struct candidate *candidate = calloc(1, sizeof(*candidate));
	struct factoryset set = {.kernel_is_ours = !kernel, .initrd_is_ours = !initrd};
	struct kernel facts;
	int r;

	if (!candidate)
		return -ENOMEM;
	candidate->kernel_fd = candidate->initrd_fd = -1;
	r = open_part(image, image_kernel(image), kernel, &candidate->kernel_fd,
		&candidate->kernel_path, &set.kernel);
	if (r == 0)
		r = open_part(image, image_initrd(image), initrd, &candidate->initrd_fd,
			&candidate->initrd_path, &set.initrd);
	if (r == 0)
		r = kernel_read(candidate->kernel_fd, candidate->kernel_path, &facts);
	if (r < 0)
		return r;
	memcpy(candidate->release, facts.release, sizeof(candidate->release));
	r = size_of(candidate->kernel_fd, &candidate->kernel_stat, &candidate->kernel_size);
	if (r == 0)
		r = size_of(candidate->initrd_fd, &candidate->initrd_stat, &candidate->initrd_size);
	if (r < 0)
		return r;
	set.is_for_pc = strcmp(facts.machine, "x86") == 0;
	set.candidate = steal_pointer(candidate);
	*ret_set = set;
	return 0;
}

int factoryset_extend_initrd(struct factoryset *set)
{
	struct candidate *candidate = set->candidate;
	int r = size_of(candidate->initrd_fd, &candidate->initrd_stat, &candidate->initrd_size);

	if (r < 0)
		return r;
	set->initrd = (struct tree_file){.fd = candidate->initrd_fd};
	set->initrd_is_ours = false;
	set->initrd_is_extended = true;
	return 0;
}

int factoryset_digest(struct factoryset *set, const struct observer *observer)
{
	return candidate_digest(set->candidate, observer);
}

void factoryset_close(struct factoryset *set)
{
	candidate_free(set->candidate);
	*set = (struct factoryset){0};
}

uint64_t factoryset_size(const struct factoryset *set)
{
	return set->candidate->kernel_size + set->candidate->initrd_size;
}

bool factoryset_is_unchanged(const struct factoryset *set)
{
	const struct candidate *candidate = set->candidate;

	return (set->kernel_is_ours || candidate_file_is_unchanged(candidate->kernel_path,
					       candidate->kernel_fd, &candidate->kernel_stat)) &&
	       (set->initrd_is_ours || set->initrd_is_extended ||
		       candidate_file_is_unchanged(candidate->initrd_path, candidate->initrd_fd,
			       &candidate->initrd_stat));
}

const char *factoryset_sources(const struct factoryset *set)
{
	if (set->kernel_is_ours) /* the other is the image's too, or the one that is not */
		return set->initrd_is_extended ? set->kernel.path : set->initrd.path;
	return set->initrd_is_ours ? set->kernel.path : "kernel or initrd";
}
