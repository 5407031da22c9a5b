/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "image.h"

#include <string.h>

#include "base/log.h"
#include "base/size.h"
#include "base/text.h"
#include "base/util.h"
#include "bootentry.h"
#include "foreign.h"
#include "iso/tree.h"

#define LIVE	 "/live"
#define MENUS	 "/boot/grub"
#define TEXT_MAX (256u * 1024u) /* bytes of a boot menu or .disk/info */

/* Boot menus, the most reliable first. */
static const char *const menus[] = {"/boot/grub/grub.cfg", "/boot/grub/loopback.cfg",
	"/isolinux/live.cfg", "/isolinux/isolinux.cfg", "/syslinux/live.cfg"};

struct image {
	struct disk *disk;
	struct volume *volume;
	char name[128];
	char *kernel;
	char *initrd;
	char *parameters;
	char *folder; /* of the squashfs files */
};

static int damaged(const char *path)
{
	return refuse(-ERR_REFUSED,
		"%s: the ISO 9660 file system is damaged or truncated: download the image again",
		path);
}

static int note_nothing(void *data, const char *name, struct extent extent)
{
	(void)data;
	(void)name;
	(void)extent;
	return 0;
}

int image_probe(const char *path)
{
	cleanup(disk_closep) struct disk *disk = NULL;
	struct pvd pvd;
	int r;

	r = disk_open(path, false, &disk);
	if (r == 0)
		r = pvd_read(disk, (struct extent){0, disk_size(disk)}, PVD_LBA, &pvd);
	return r == -ERR_DAMAGED ? 0 : r == -ERR_SHORT ? -ERR_FOREIGN : r;
}

static int open_volume(struct image *image, const char *path)
{
	struct extent all;
	char has[SIZE_TEXT], whole[SIZE_TEXT];
	struct pvd pvd;
	uint64_t blocks;
	int r;

	r = disk_open(path, false, &image->disk);
	if (r == -ERR_NOT_DISK)
		return refuse(-ERR_REFUSED, "%s: is neither a file nor a disk", path);
	if (r < 0)
		return report(r, "%s", path);
	all = (struct extent){0, disk_size(image->disk)};
	r = pvd_read(image->disk, all, PVD_LBA, &pvd);
	if (r == -ERR_FOREIGN || r == -ERR_SHORT)
		return refuse(-ERR_REFUSED, "%s: %s", path,
			foreign_file(image->disk) ?: "is not an ISO 9660 image");
	blocks = r == -ERR_DAMAGED ? 0 : pvd_blocks(&pvd);
	if (r == 0 && blocks > all.size / ISO_BLOCK) {
		size_texts(all.size, blocks * ISO_BLOCK, has, whole);
		return refuse(-ERR_REFUSED, "%s: is truncated: it has %s of %s: download it again",
			path, has, whole);
	}
	/* Ignore what follows it: the image may be on a much larger stick. */
	all.size = blocks * ISO_BLOCK;
	if (r == 0)
		r = volume_open(image->disk, all, &pvd, &image->volume);
	/* Check that every file lies inside. */
	if (r == 0)
		r = tree_walk(image->volume, note_nothing, NULL);
	if (r == -ERR_DAMAGED || r == -ERR_SHORT)
		return damaged(path);
	if (r < 0)
		return report(r, "%s: cannot read it", path);
	snprintf(image->name, sizeof(image->name), "%s", pvd.volume_id);
	return 0;
}

static void read_name(struct image *image)
{
	autofree char *text = NULL;
	size_t size;

	if (image_read(image, "/.disk/info", TEXT_MAX, (void **)&text, &size) == 0 && *text) {
		text[strcspn(text, "\r\n")] = 0;
		snprintf(image->name, sizeof(image->name), "%s", text);
	}
	text_make_safe(image->name);
}

static bool has_file(const struct image *image, const char *path)
{
	return path && tree_has(image->volume, path, false);
}

/* Take over what the menu @path boots by default. Returns -ENOENT if it boots no live system. */
static int read_menu(struct image *image, const char *path)
{
	autofree char *text = NULL;
	struct bootentry entry;
	size_t size;
	int r;

	if (image_read(image, path, TEXT_MAX, (void **)&text, &size) < 0)
		return -ENOENT;
	r = bootentry_parse(text, &entry);
	if (r < 0)
		return r;
	image->parameters = steal_pointer(entry.parameters);
	if (has_file(image, entry.kernel) && has_file(image, entry.initrd)) {
		image->kernel = steal_pointer(entry.kernel);
		image->initrd = steal_pointer(entry.initrd);
	}
	bootentry_clear(&entry);
	return 0;
}

/* Other files of GRUB's, which its grub.cfg includes, as Grml's does. */
static int read_included_menus(struct image *image)
{
	cleanup(tree_names_freep) char **names = NULL;
	int r = -ENOENT;

	if (image_list(image, MENUS, &names) < 0)
		return -ENOENT;
	for (size_t i = 0; r == -ENOENT && names[i]; i++) {
		const char *suffix = strrchr(names[i], '.');
		autofree char *path = text_new(MENUS "/%s", names[i]);

		if (!path)
			return -ENOMEM;
		if (suffix && strcmp(suffix, ".cfg") == 0)
			r = read_menu(image, path);
	}
	return r;
}

/* Find what its own menu boots by default, if there is a menu. */
static int read_menus(struct image *image)
{
	int r = -ENOENT;

	for (size_t i = 0; r == -ENOENT && i < ARRAY_SIZE(menus); i++) {
		autofree char *path = NULL;

		if (image_resolve(image, menus[i], &path) == 0)
			r = read_menu(image, path);
	}
	if (r == -ENOENT)
		r = read_included_menus(image);
	if (r != -ENOENT)
		return r;
	image->parameters = strdup("boot=live");
	return image->parameters ? 0 : -ENOMEM;
}

/* If no menu tells: choose the newest kernel that has an initrd, names without a version first. */
static int find_set(struct image *image)
{
	cleanup(tree_names_freep) char **names = NULL;
	const char *best = NULL;
	int r;

	r = image_list(image, LIVE, &names);
	for (size_t i = 0; r == 0 && names[i]; i++) {
		char initrd[512];

		if (strncmp(names[i], "vmlinuz", 7) != 0 || (names[i][7] && names[i][7] != '-'))
			continue;
		snprintf(initrd, sizeof(initrd), LIVE "/initrd.img%s", names[i] + 7);
		if (has_file(image, initrd) &&
			(!best || !names[i][7] || (best[7] && strverscmp(names[i], best) > 0)))
			best = names[i];
	}
	if (r < 0 || !best)
		return r < 0 ? r : -ENOENT;
	image->kernel = text_new(LIVE "/%s", best);
	image->initrd = text_new(LIVE "/initrd.img%s", best + 7);
	return image->kernel && image->initrd ? 0 : -ENOMEM;
}

char *image_parameter(const struct image *image, const char *name)
{
	const char *at = image->parameters;

	while (strncmp(at, name, strlen(name)) != 0) {
		at = strchr(at, ' ');
		if (!at++)
			return NULL;
	}
	at += strlen(name);
	return strndup(at, strcspn(at, " "));
}

/* Where live-boot looks for the system: in live/, or in the folder given in the menu. */
static char *system_folder(const struct image *image)
{
	autofree char *given = image_parameter(image, "live-media-path=");
	const char *path = given;
	size_t length;

	if (!given)
		return strdup(LIVE);
	path += strspn(path, "/");
	length = strlen(path);
	while (length > 0 && path[length - 1] == '/')
		length--;
	return text_new("/%.*s", (int)length, path);
}

/* Only in live/: not everything outside of it is copied to a stick. */
static bool has_squashfs(const struct image *image, const char *folder)
{
	cleanup(tree_names_freep) char **names = NULL;

	if (strncmp(folder, LIVE, strlen(LIVE)) != 0 || strstr(folder, "/../") ||
		image_list(image, folder, &names) < 0)
		return false;
	for (size_t i = 0; names[i]; i++) {
		const char *end = strrchr(names[i], '.');

		if (end && strcmp(end, ".squashfs") == 0)
			return true;
	}
	return false;
}

static int find_content(struct image *image)
{
	const char *path = image_path(image);
	const char *foreign = foreign_tree(image->volume);
	autofree char *plain = NULL;
	int r;

	if (foreign)
		return refuse(-ERR_REFUSED, "%s: %s", path, foreign);
	if (!tree_has(image->volume, LIVE, true) && image_resolve(image, LIVE, &plain) == 0)
		return refuse(-ERR_REFUSED,
			"%s: has only the short names of plain ISO 9660, or Joliet: make it with "
			"Rock Ridge (xorrisofs -R)",
			path);
	if (!tree_has(image->volume, LIVE, true))
		return refuse(-ERR_REFUSED,
			"%s: has no live/ folder: not a live image for live-boot", path);
	read_name(image);
	r = read_menus(image);
	image->folder = r == 0 ? system_folder(image) : NULL;
	if (r == 0 && !image->folder)
		r = -ENOMEM;
	if (r == 0 && !has_squashfs(image, image->folder))
		return refuse(-ERR_REFUSED,
			"%s: has no squashfs in %s/: not a live image for live-boot", path,
			image->folder + 1);
	if (r == 0 && !image->kernel)
		r = find_set(image);
	if (r == -ENOENT)
		return refuse(-ERR_REFUSED,
			"%s: has no kernel with an initrd in live/ (vmlinuz, initrd.img)", path);
	if (r < 0)
		return report(r, "%s: cannot read it", path);
	return 0;
}

int image_open(const char *path, struct image **ret_image)
{
	cleanup(image_closep) struct image *image = calloc(1, sizeof(*image));
	int r;

	if (!image)
		return -ENOMEM;
	r = open_volume(image, path);
	if (r == 0)
		r = find_content(image);
	if (r < 0)
		return r;
	*ret_image = steal_pointer(image);
	return 0;
}

void image_close(struct image *image)
{
	if (!image)
		return;
	volume_close(image->volume);
	disk_close(image->disk);
	free(image->kernel);
	free(image->initrd);
	free(image->parameters);
	free(image->folder);
	free(image);
}

void image_closep(struct image **image)
{
	image_close(*image);
}

const char *image_path(const struct image *image)
{
	return disk_path(image->disk);
}

const struct disk *image_disk(const struct image *image)
{
	return image->disk;
}

struct volume *image_volume(struct image *image)
{
	return image->volume;
}

const char *image_name(const struct image *image)
{
	return image->name;
}

const char *image_kernel(const struct image *image)
{
	return image->kernel;
}

const char *image_initrd(const struct image *image)
{
	return image->initrd;
}

const char *image_folder(const struct image *image)
{
	return image->folder;
}

const char *image_parameters(const struct image *image)
{
	return image->parameters;
}

int image_find(const struct image *image, const char *path, struct volume_file *ret_file)
{
	return volume_find(image->volume, path, ret_file);
}

int image_list(const struct image *image, const char *folder, char ***ret_names)
{
	return tree_list(image->volume, folder, ret_names);
}

int image_resolve(const struct image *image, const char *path, char **ret_path)
{
	autofree char *resolved = strdup("");
	autofree char *copy = strdup(path);
	char *next = copy, *part;

	if (!resolved || !copy)
		return -ENOMEM;
	while ((part = strsep(&next, "/"))) {
		cleanup(tree_names_freep) char **names = NULL;
		char *longer;
		size_t i = 0;
		int r;

		if (!*part)
			continue;
		r = tree_list(image->volume, *resolved ? resolved : "/", &names);
		if (r < 0)
			return r;
		while (names[i] && strcasecmp(names[i], part) != 0)
			i++;
		if (!names[i])
			return -ENOENT;
		longer = text_new("%s/%s", resolved, names[i]);
		if (!longer)
			return -ENOMEM;
		free(resolved);
		resolved = longer;
	}
	*ret_path = steal_pointer(resolved);
	return 0;
}

int image_read(
	const struct image *image, const char *path, size_t max, void **ret_data, size_t *ret_size)
{
	autofree uint8_t *data = NULL;
	struct volume_file file = {0};
	int r;

	r = image_find(image, path, &file);
	if (r < 0)
		return r;
	if (file.extent.size > max)
		return -ERR_TOO_LARGE;
	data = calloc(1, (size_t)file.extent.size + 1);
	if (!data)
		return -ENOMEM;
	r = disk_read(image->disk, file.extent.start, data, (size_t)file.extent.size);
	if (r < 0)
		return r;
	*ret_data = steal_pointer(data);
	*ret_size = (size_t)file.extent.size;
	return 0;
}
