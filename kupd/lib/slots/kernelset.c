/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "kernelset.h"

#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "disk/grubenv.h"

#define TEXT_MAX 4096u	      /* bytes to read of release and SHA256SUMS, at most */
#define HEAD_MAX (64 * 1024u) /* bytes of a kernel within which its version string lies */
#define PIECE	 MIB	      /* bytes read at a time */

static int find(const struct volume *volume, enum kernelset_which which, const char *name,
	struct volume_file *ret_file)
{
	char path[128];

	snprintf(path, sizeof(path), "/" KERNELSET_FOLDER "/%s%s", name,
		which == KERNELSET_PREVIOUS ? KERNELSET_OLD : "");
	return volume_find(volume, path, ret_file);
}

/* A small text file; -ENOENT if there is none. */
static int read_text(const struct volume *volume, enum kernelset_which which, const char *name,
	struct volume_file *ret_file, char ret_text[TEXT_MAX + 1])
{
	struct volume_file file;
	int r;

	r = find(volume, which, name, &file);
	if (r < 0)
		return r;
	if (file.extent.size > TEXT_MAX)
		return -ERR_DAMAGED;
	r = disk_read_medium(
		volume_disk(volume), file.extent.start, ret_text, (size_t)file.extent.size);
	if (r < 0)
		return r;
	ret_text[file.extent.size] = 0;
	*ret_file = file;
	return 0;
}

/* A release file is one line. */
static int parse_release(const char *text, char ret_release[KERNEL_RELEASE_MAX])
{
	size_t length = strcspn(text, "\n");

	if (!kernel_is_release(text, length))
		return -ERR_DAMAGED;
	memcpy(ret_release, text, length);
	ret_release[length] = 0;
	return 0;
}

/* The digest that a SHA256SUMS text gives for @name. */
static int parse_sum(const char *text, const char *name, char ret_sum[DIGEST_TEXT])
{
	const size_t digits = DIGEST_TEXT - 1;

	for (const char *line = text; *line;) {
		size_t length = strcspn(line, "\n");

		/* Two characters in between: a space, then a space or an asterisk. */
		if (length == digits + 2 + strlen(name) &&
			strspn(line, "0123456789abcdef") == digits &&
			strncmp(line + digits + 2, name, strlen(name)) == 0) {
			memcpy(ret_sum, line, digits);
			ret_sum[digits] = 0;
			return 0;
		}
		line += length;
		line += *line == '\n';
	}
	return -ERR_DAMAGED;
}

static int read_kernel_release(
	const struct disk *disk, const struct kernelset *set, char ret_release[KERNEL_RELEASE_MAX])
{
	size_t size = (size_t)MIN(set->kernel.extent.size, HEAD_MAX);
	autofree uint8_t *head = disk_buffer(HEAD_MAX);
	int r;

	if (!head)
		return -ENOMEM;
	r = disk_read_medium(disk, set->kernel.extent.start, head, size);
	if (r < 0)
		return r;
	if (kernel_release(head, size, ret_release) < 0)
		snprintf(ret_release, KERNEL_RELEASE_MAX, "unknown");
	return 0;
}

int kernelset_read(
	const struct volume *volume, enum kernelset_which which, struct kernelset *ret_set)
{
	struct kernelset set = {0};
	struct volume_file sums;
	char text[TEXT_MAX + 1];
	int r;

	r = find(volume, which, KERNELSET_KERNEL, &set.kernel);
	if (r < 0)
		return r;
	r = find(volume, which, KERNELSET_INITRD, &set.initrd);
	if (r < 0)
		return r;

	r = read_text(volume, which, KERNELSET_RELEASE, &set.release_text, text);
	if (r == 0) {
		set.has_release = true;
		r = parse_release(text, set.release);
	} else if (r == -ENOENT) {
		r = read_kernel_release(volume_disk(volume), &set, set.release);
	}
	if (r < 0)
		return r;
	r = find(volume, which, KERNELSET_MENU, &set.menu_text);
	if (r < 0 && r != -ENOENT)
		return r;

	r = read_text(volume, which, KERNELSET_SUMS, &sums, text);
	if (r == 0) {
		set.has_sums = true;
		r = parse_sum(text, KERNELSET_KERNEL, set.kernel_sum);
		if (r == 0)
			r = parse_sum(text, KERNELSET_INITRD, set.initrd_sum);
		if (r == 0 && set.has_release)
			r = parse_sum(text, KERNELSET_RELEASE, set.release_sum);
	} else if (r == -ENOENT) {
		r = 0;
	}
	if (r < 0)
		return r;
	*ret_set = set;
	return 0;
}

uint64_t kernelset_size(const struct kernelset *set)
{
	return set->kernel.extent.size + set->initrd.extent.size;
}

static bool is_same_extent(struct extent a, struct extent b)
{
	return a.start == b.start && a.size == b.size;
}

bool kernelset_is_same(const struct kernelset *a, const struct kernelset *b)
{
	/* An old stick's first set gets its checksums one session later, so they may be on one side
	 * only. */
	bool same_sums = !a->has_sums || !b->has_sums ||
			 (strcmp(a->kernel_sum, b->kernel_sum) == 0 &&
				 strcmp(a->initrd_sum, b->initrd_sum) == 0);

	return same_sums && is_same_extent(a->kernel.extent, b->kernel.extent) &&
	       is_same_extent(a->initrd.extent, b->initrd.extent) &&
	       strcmp(a->release, b->release) == 0;
}

static bool overlaps(struct extent a, struct extent b)
{
	return a.start < b.start + b.size && b.start < a.start + a.size;
}

bool kernelset_touches(const struct kernelset *set, struct extent extent)
{
	return overlaps(set->kernel.extent, extent) || overlaps(set->initrd.extent, extent);
}

static int digest_extent(const struct disk *disk, struct extent extent, uint8_t *buffer,
	const struct observer *observer, uint64_t *done, uint64_t total, char ret_sum[DIGEST_TEXT])
{
	cleanup(digest_freep) struct digest *digest = digest_new();

	if (!digest)
		return -ENOMEM;
	while (extent.size > 0) {
		size_t size = (size_t)MIN(extent.size, (uint64_t)PIECE);
		int r;

		if (observer_interrupted(observer))
			return -EINTR;
		r = disk_read_medium(disk, extent.start, buffer, size);
		if (r == 0)
			r = digest_add(digest, buffer, size);
		if (r < 0)
			return r;
		extent.start += size;
		extent.size -= size;
		*done += size;
		observer_progress(observer, "reading", *done, total);
	}
	return digest_end(digest, ret_sum);
}

int kernelset_digest(const struct disk *disk, const struct kernelset *set,
	const struct observer *observer, char ret_kernel_sum[DIGEST_TEXT],
	char ret_initrd_sum[DIGEST_TEXT])
{
	autofree uint8_t *buffer = disk_buffer(PIECE);
	char kernel_sum[DIGEST_TEXT];
	uint64_t done = 0;
	int r;

	if (!buffer)
		return -ENOMEM;
	r = digest_extent(
		disk, set->kernel.extent, buffer, observer, &done, kernelset_size(set), kernel_sum);
	if (r == 0)
		r = digest_extent(disk, set->initrd.extent, buffer, observer, &done,
			kernelset_size(set), ret_initrd_sum);
	if (r == 0)
		memcpy(ret_kernel_sum, kernel_sum, sizeof(kernel_sum));
	return r;
}

/* Verify the release, in the forms for people and for the boot menu, against what was written. */
static int verify_texts(const struct disk *disk, const struct kernelset *set)
{
	char release_sum[DIGEST_TEXT], read_back[TEXT_MAX];
	autofree uint8_t *buffer = disk_buffer(PIECE);
	autofree char *menu = NULL;
	uint64_t done = 0;
	int r;

	if (!buffer || kernelset_menu_text(set->release, &menu) < 0)
		return -ENOMEM;
	if (set->has_release) {
		r = digest_extent(
			disk, set->release_text.extent, buffer, NULL, &done, 0, release_sum);
		if (r == 0 && strcmp(release_sum, set->release_sum) != 0)
			r = -ERR_VERIFY;
		if (r < 0)
			return r;
	}
	if (set->menu_text.extent.size == 0)
		return 0;
	if (set->menu_text.extent.size != strlen(menu))
		return -ERR_VERIFY;
	r = disk_read_medium(disk, set->menu_text.extent.start, read_back, strlen(menu));
	if (r == 0 && memcmp(read_back, menu, strlen(menu)) != 0)
		r = -ERR_VERIFY;
	return r;
}

int kernelset_verify(
	const struct disk *disk, const struct kernelset *set, const struct observer *observer)
{
	char kernel_sum[DIGEST_TEXT], initrd_sum[DIGEST_TEXT];
	int r;

	if (!set->has_sums)
		return -ERR_NO_SUMS;
	r = kernelset_digest(disk, set, observer, kernel_sum, initrd_sum);
	if (r < 0)
		return r;
	if (strcmp(kernel_sum, set->kernel_sum) != 0 || strcmp(initrd_sum, set->initrd_sum) != 0)
		return -ERR_VERIFY;
	return verify_texts(disk, set);
}

static int give(char *text, char **ret_text)
{
	if (!text)
		return -ENOMEM;
	*ret_text = text;
	return 0;
}

int kernelset_release_text(const char *release, char **ret_text)
{
	return give(text_new("%s\n", release), ret_text);
}

int kernelset_menu_text(const char *release, char **ret_text)
{
	return give(text_new(GRUBENV_SIGNATURE "liveng_release=%.*s\n", (int)strcspn(release, "\n"),
			    release),
		ret_text);
}

int kernelset_sums_text(
	const char *release, const char *kernel_sum, const char *initrd_sum, char **ret_text)
{
	cleanup(digest_freep) struct digest *digest = digest_new();
	autofree char *release_text = NULL;
	char release_sum[DIGEST_TEXT];
	int r;

	r = kernelset_release_text(release, &release_text);
	if (r < 0 || !digest)
		return -ENOMEM;
	r = digest_add(digest, release_text, strlen(release_text));
	if (r == 0)
		r = digest_end(digest, release_sum);
	if (r < 0)
		return r;
	return give(text_new("%s  " KERNELSET_KERNEL "\n%s  " KERNELSET_INITRD
			     "\n%s  " KERNELSET_RELEASE "\n",
			    kernel_sum, initrd_sum, release_sum),
		ret_text);
}

bool kernelset_is_lost(int error)
{
	switch (error) {
	case -ENOENT:
	case -EIO:
	case -ERR_DAMAGED:
	case -ERR_FOREIGN:
	case -ERR_NO_SUMS:
	case -ERR_SHORT:
	case -ERR_TOO_LARGE:
	case -ERR_VERIFY:
		return true;
	default:
		return false;
	}
}
