/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "loaderset.h"

#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "base/util.h"
#include "disk/fat.h"
#include "grubimage.h"
#include "image/eltorito.h"

#define LOADER_MAX  (16u * MIB)
#define FOLDER	    "/EFI/boot"
#define GRUB_PREFIX "/boot/grub"

#define PREFIX_MAX     64u
#define PREFIX_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/-_"

/* The programs that come with shim. Not fb*.efi, which would write to the firmware's boot list.
 */
static const char *const stems[LOADER_ROLES] = {"boot", "grub", "mm"};

/* Read a file from the FAT that the image boots from with UEFI. */
static int read_from_fat(
	const struct image *image, const char *path, void **ret_data, size_t *ret_size)
{
	const struct disk *disk = image_disk(image);
	autofree uint64_t *sectors = NULL;
	autofree uint8_t *data = NULL;
	struct extent extent;
	uint64_t size;
	size_t n;
	int r;

	r = eltorito_find_efi(disk, &extent);
	if (r < 0)
		return r;
	r = fat_locate(disk, extent, path, &size, NULL, 0);
	if (r == 0 && size > LOADER_MAX)
		r = -ERR_TOO_LARGE;
	if (r < 0)
		return r == -ERR_FOREIGN ? -ENOENT : r;
	n = (size_t)(ROUND_UP(size, SECTOR_SIZE) / SECTOR_SIZE);
	sectors = calloc(n + 1, sizeof(*sectors));
	data = malloc(n * SECTOR_SIZE + 1);
	if (!sectors || !data)
		return -ENOMEM;
	r = fat_locate(disk, extent, path, &size, sectors, n);
	/* One read for each run of consecutive sectors. */
	for (size_t i = 0, run; r == 0 && i < n; i += run) {
		for (run = 1; i + run < n && sectors[i + run] == sectors[i] + run * SECTOR_SIZE;)
			run++;
		r = disk_read(disk, sectors[i], data + i * SECTOR_SIZE, run * SECTOR_SIZE);
	}
	if (r < 0)
		return r;
	*ret_data = steal_pointer(data);
	*ret_size = (size_t)size;
	return 0;
}

/* Read a loader from the image's tree, where most images have it, or else from that FAT. */
static int read_from_image(
	const struct image *image, const char *name, void **ret_data, size_t *ret_size)
{
	autofree char *path = NULL, *found = NULL;
	int r;

	path = text_new(FOLDER "/%s", name);
	if (!path)
		return -ENOMEM;
	r = image_resolve(image, path, &found);
	if (r == 0)
		return image_read(image, found, LOADER_MAX, ret_data, ret_size);
	return r == -ENOENT ? read_from_fat(image, path, ret_data, ret_size) : r;
}

static void make_name(const struct firmware *firmware, enum loader_role role, char ret_name[16])
{
	snprintf(ret_name, 16, "%s%s.efi", stems[role], firmware->suffix);
}

/* Take ownership of @data as the program of @role; @path is where it came from. */
static int add(
	struct loaderset *set, enum loader_role role, const char *path, void *data, size_t size)
{
	struct efiprogram program;
	char name[16];
	int r;

	r = efiprogram_read(path, data, size, &program);
	if (r < 0)
		return r;
	set->programs[role] = program;
	make_name(set->firmware, role, name);
	free(program.name);
	set->programs[role].name = strdup(name);
	return set->programs[role].name ? 0 : -ENOMEM;
}

/* A GRUB that expects its files elsewhere, say on another medium, is useless. */
static bool is_folder(const char *prefix)
{
	return prefix && prefix[0] == '/' && strlen(prefix) <= PREFIX_MAX &&
	       strspn(prefix, PREFIX_LETTERS) == strlen(prefix);
}

/* Is the set a shim with a GRUB that it can start? */
static bool is_pair(const struct loaderset *set)
{
	const struct efiprogram *first = &set->programs[LOADER_FIRST];
	const struct efiprogram *grub = &set->programs[LOADER_GRUB];

	return first->is_signed && grub->is_signed && is_folder(grub->prefix);
}

const struct efiprogram *loaderset_grub(const struct loaderset *set)
{
	return &set->programs[set->programs[LOADER_GRUB].data ? LOADER_GRUB : LOADER_FIRST];
}

/* Hand a set over, or clear it. */
static int finish(int r, struct loaderset *set, struct loaderset *ret_set)
{
	if (r < 0)
		loaderset_clear(set);
	else
		*ret_set = *set;
	return r;
}

bool loaderset_is_in_image(const struct image *image, const struct firmware *firmware)
{
	autofree void *data = NULL;
	char name[16];
	size_t size;

	make_name(firmware, LOADER_FIRST, name);
	return read_from_image(image, name, &data, &size) == 0;
}

int loaderset_from_image(
	const struct image *image, const struct firmware *firmware, struct loaderset *ret_set)
{
	struct loaderset set = {.firmware = firmware, .source = LOADER_IMAGE};
	int r = 0;

	for (enum loader_role role = LOADER_FIRST; r == 0 && role <= LOADER_MOK; role++) {
		char name[16];
		void *data;
		size_t size;

		make_name(firmware, role, name);
		r = read_from_image(image, name, &data, &size);
		if (r == 0) {
			r = add(&set, role, name, data, size);
		} else if (r == -ENOENT && role == LOADER_MOK) {
			r = 0;
		} else if (r != -ENOENT) {
			(void)report(r, "%s: cannot read %s", image_path(image), name);
		}
	}
	if (r == 0 && !is_pair(&set))
		r = -ENOENT;
	return finish(r, &set, ret_set);
}

/* Where Debian's and derived packages have the programs of each role. If there are two, the first
 * one found is used: the GRUB for removable media looks in /boot/grub. */
static const struct {
	enum loader_role role;
	const char *folder, *stem, *end; /* no folder: GRUB's signed ones for the platform */
} host_files[] = {
	{LOADER_FIRST, "/usr/lib/shim", "shim", ".efi.signed"},
	{LOADER_GRUB, NULL, "gcd", ".efi.signed"},
	{LOADER_GRUB, NULL, "grub", ".efi.signed"},
	{LOADER_MOK, "/usr/lib/shim", "mm", ".efi.signed"},
	{LOADER_MOK, "/usr/lib/shim", "mm", ".efi"},
};

static char *host_path(const struct firmware *firmware, size_t i)
{
	const char *folder = host_files[i].folder;

	return text_new("%s%s%s/%s%s%s", folder ?: "/usr/lib/grub/",
		folder ? "" : firmware->platform, folder ? "" : "-signed", host_files[i].stem,
		firmware->suffix, host_files[i].end);
}

int loaderset_from_host(const struct firmware *firmware, struct loaderset *ret_set)
{
	struct loaderset set = {.firmware = firmware, .source = LOADER_HOST};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(host_files); i++) {
		autofree char *path = NULL;
		void *data;
		size_t size;

		if (set.programs[host_files[i].role].data)
			continue;
		path = host_path(firmware, i);
		r = path ? 0 : -ENOMEM;
		if (r == 0 && file_read_whole(path, LOADER_MAX, &data, &size) == 0)
			r = add(&set, host_files[i].role, path, data, size);
	}
	if (r == 0 && !is_pair(&set))
		r = -ENOENT;
	return finish(r, &set, ret_set);
}

int loaderset_make(const struct firmware *firmware, bool no_shim, struct loaderset *ret_set)
{
	struct loaderset set = {.firmware = firmware, .source = LOADER_MADE};
	struct grubimage grub;
	void *data;
	size_t size;
	int r;

	r = grubimage_begin(firmware->platform, GRUB_PREFIX, no_shim, &grub);
	if (r == 0)
		r = grubimage_finish(&grub, &data, &size);
	if (r == 0)
		r = add(&set, LOADER_FIRST, "grub-mkimage", data, size);
	return finish(r, &set, ret_set);
}

void loaderset_clear(struct loaderset *set)
{
	for (size_t i = 0; i < LOADER_ROLES; i++)
		efiprogram_clear(&set->programs[i]);
	*set = (struct loaderset){0};
}
