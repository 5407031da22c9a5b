/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "esp.h"

#include <string.h>

#include "base/child.h"
#include "base/file.h"
#include "base/log.h"
#include "base/tempfile.h"
#include "base/text.h"
#include "base/util.h"
#include "datadir.h"
#include "disk/grubenv.h"

#define MENU_FOLDER "/boot/grub"
#define THEME	    "/boot/grub/theme"
#define FONT	    "/boot/grub/fonts/unicode.pf2"
#define FONT_HOST   "/usr/share/grub/unicode.pf2"
#define FONT_MAX    (16u * MIB)

#define PREFIXES_MAX 4u
#define FOLDERS_MAX  32u

/* For the folder of a GRUB with a different prefix. */
#define STUB "set prefix=($root)" MENU_FOLDER "\nsource $prefix/grub.cfg\n"

static const char *const theme_files[] = {"theme/theme.txt", "theme/bar_c.png"};

/* Ignore mtools' own settings, wherever the user has them. */
static const char *const mtools[] = {"MTOOLSRC=/dev/null", "MTOOLS_SKIP_CHECK=1", NULL};

/* The file system being filled. */
struct fat {
	char image[64];		    /* the path of its file */
	char *folders[FOLDERS_MAX]; /* that exist */
};

static void fat_clear(struct fat *fat)
{
	for (size_t i = 0; i < FOLDERS_MAX; i++)
		free(fat->folders[i]);
}

/* Make a folder, unless it exists. */
static int make_folder(struct fat *fat, const char *path)
{
	const char *argv[] = {"mmd", "-i", fat->image, NULL, NULL};
	autofree char *target = NULL;
	size_t i = 0;

	/* FAT is case-insensitive. */
	while (i < FOLDERS_MAX && fat->folders[i] && strcasecmp(fat->folders[i], path) != 0)
		i++;
	if (i == FOLDERS_MAX)
		return refuse(
			-ERR_TOO_LARGE, "the ESP would have more than %u folders", FOLDERS_MAX);
	if (fat->folders[i])
		return 0;
	fat->folders[i] = strdup(path);
	target = text_new("::%s", path);
	if (!fat->folders[i] || !target)
		return -ENOMEM;
	argv[3] = target;
	return child_run(argv, mtools, "mtools");
}

/* Put one file there; its folder exists. */
static int put(const struct fat *fat, const char *path, const void *content, size_t size)
{
	autoclose int fd = -1;
	autofree char *target = NULL;
	char source[64];
	const char *argv[] = {"mcopy", "-i", fat->image, source, NULL, NULL};
	int r;

	r = tempfile_with(content, size, &fd);
	if (r < 0)
		return report(r, "cannot keep %s in memory", path);
	tempfile_path(fd, source);
	target = text_new("::%s", path);
	if (!target)
		return -ENOMEM;
	argv[4] = target;
	return child_run(argv, mtools, "mtools");
}

static int put_loader(void *data, const char *path, const void *content, size_t size)
{
	return put(data, path, content, size);
}

/* An empty grubenv, as made by grub-editenv. */
static int put_grubenv(const struct fat *fat)
{
	char block[GRUBENV_SIZE];

	memset(block, '#', sizeof(block));
	memcpy(block, GRUBENV_SIGNATURE, strlen(GRUBENV_SIGNATURE));
	return put(fat, "/" GRUBENV_PATH, block, sizeof(block));
}

/* Without the theme or the font, the menu still works. */
static int put_looks(const struct fat *fat)
{
	autofree void *font = NULL;
	size_t size;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(theme_files); i++) {
		autofree char *path = NULL;
		autofree void *data = NULL;

		path = text_new(MENU_FOLDER "/%s", theme_files[i]);
		if (!path)
			return -ENOMEM;
		r = datadir_read(theme_files[i], &data, &size);
		if (r == 0)
			r = put(fat, path, data, size);
		if (r < 0)
			return r;
	}
	if (file_read_whole(FONT_HOST, FONT_MAX, &font, &size) < 0) {
		log_warning(
			"the boot menu may be plain text: no font in " FONT_HOST " (grub-common)");
		return 0;
	}
	return put(fat, FONT, font, size);
}

/* Put the menu there, and a stub that leads to it for each GRUB that looks elsewhere. */
static int put_menu(struct fat *fat, const struct loaders *loaders, const char *menu)
{
	const char *prefixes[PREFIXES_MAX];
	size_t n = loaders_prefixes(loaders, prefixes, PREFIXES_MAX);
	int r;

	r = put(fat, MENU_FOLDER "/grub.cfg", menu, strlen(menu));
	for (size_t i = 0; r == 0 && i < n; i++) {
		autofree char *path = NULL;

		path = text_new("%s/grub.cfg", prefixes[i]);
		if (!path)
			return -ENOMEM;
		/* Every folder of the path. */
		for (char *slash = strchr(path + 1, '/'); r == 0 && slash;
			slash = strchr(slash + 1, '/')) {
			*slash = '\0';
			r = make_folder(fat, path);
			*slash = '/';
		}
		if (r == 0)
			r = put(fat, path, STUB, strlen(STUB));
	}
	return r;
}

static int fill(struct fat *fat, const struct loaders *loaders, const char *menu)
{
	const char *const argv[] = {"mmd", "-i", fat->image, "::/EFI", "::/EFI/BOOT", "::/boot",
		"::" MENU_FOLDER, "::" MENU_FOLDER "/fonts", "::" THEME, NULL};
	int r;

	r = child_run(argv, mtools, "mtools");
	for (size_t i = 0; r == 0 && argv[i + 3]; i++) {
		fat->folders[i] = strdup(argv[i + 3] + strlen("::"));
		r = fat->folders[i] ? 0 : -ENOMEM;
	}
	if (r == 0)
		r = loaders_walk(loaders, put_loader, fat);
	if (r == 0)
		r = put_grubenv(fat);
	if (r == 0)
		r = put_menu(fat, loaders, menu);
	if (r == 0)
		r = put_looks(fat);
	return r;
}

int esp_build(
	const struct loaders *loaders, const char *menu, uint64_t size, uint32_t id, int *ret_fd)
{
	autoclose int fd = -1;
	cleanup(fat_clear) struct fat fat = {0};
	char id_text[16];
	const char *argv[] = {
		"mkfs.fat", "-F", "32", "-n", ESP_LABEL, "-i", id_text, fat.image, NULL};
	int r;

	r = tempfile_in_memory(size, &fd);
	if (r < 0)
		return report(r, "cannot make the ESP, %ju bytes, in memory", (uintmax_t)size);
	tempfile_path(fd, fat.image);
	snprintf(id_text, sizeof(id_text), "%08x", id);
	r = child_run(argv, NULL, "dosfstools");
	if (r == 0)
		r = fill(&fat, loaders, menu);
	if (r < 0)
		return r;
	*ret_fd = steal_fd(&fd);
	return 0;
}

/* An upper bound for the end of the FAT's tables: two, with 4 bytes per cluster of 512 bytes or
 * more, after less than 64 KiB. */
static uint64_t tables_end(uint64_t size)
{
	return MIN(DISK_ALIGN + ROUND_UP(2 * 4 * (size / SECTOR_SIZE), DISK_ALIGN), size);
}

int esp_bytes(int fd, uint64_t size, uint64_t *ret_bytes)
{
	const uint64_t data = tables_end(size);
	uint64_t bytes;
	int r;

	r = file_data_size(fd, data, size - data, &bytes);
	if (r == 0)
		*ret_bytes = data + bytes;
	return r;
}

int esp_write(struct output *output, uint64_t offset, int fd, uint64_t size)
{
	const struct input input = {fd, TEMPFILE_NAME};
	const uint64_t data = tables_end(size);
	int r;

	/* The tables including their zeros: a hole would leave the disk's old content there. */
	r = output_copy(output, offset, &input, 0, data);
	if (r == 0)
		r = output_copy_data(output, offset + data, &input, data, size - data);
	return r;
}
