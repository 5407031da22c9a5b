/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "grubimage.h"

#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/tempfile.h"
#include "base/text.h"
#include "base/util.h"

#define GRUB_FOLDER "/usr/lib/grub/"
#define IMAGE_MAX   (16u * MIB)

/* The commands and file systems used in grub.cfg, and what users need at GRUB's command line. */
static const char *const common[] = {"normal", "part_gpt", "fat", "iso9660", "linux", "loadenv",
	"regexp", "test", "true", "echo", "sleep", "configfile", "search", "search_label", "ls",
	"cat", "probe", "halt", "reboot", "minicmd", "serial", "terminal", "all_video", "font",
	"gfxterm", "gfxmenu", "png", NULL};
static const char *const bios[] = {"biosdisk", "part_msdos", NULL};
static const char *const efi[] = {"efifwsetup", "chain", "part_msdos", NULL};

/* The Debian package with a platform's files. */
static const struct {
	const char *platform;
	const char *package;
	const char *const *modules;
} platforms[] = {
	{"i386-pc", "grub-pc-bin", bios},
	{"x86_64-efi", "grub-efi-amd64-bin", efi},
	{"i386-efi", "grub-efi-ia32-bin", efi},
	{"arm64-efi", "grub-efi-arm64-bin", efi},
};

static size_t find_platform(const char *platform)
{
	size_t i = 0;

	while (i + 1 < ARRAY_SIZE(platforms) && strcmp(platforms[i].platform, platform) != 0)
		i++;
	return i;
}

const char *grubimage_package(const char *platform)
{
	return platforms[find_platform(platform)].package;
}

int grubimage_folder(const char *platform, char **ret_folder)
{
	autofree char *folder = text_new(GRUB_FOLDER "%s", platform);
	autofree char *list = text_new(GRUB_FOLDER "%s/moddep.lst", platform);

	if (!folder || !list)
		return -ENOMEM;
	if (access(list, R_OK) < 0)
		return -ENOENT;
	*ret_folder = steal_pointer(folder);
	return 0;
}

int grubimage_begin(
	const char *platform, const char *prefix, bool no_shim, struct grubimage *ret_image)
{
	const char *argv[16 + ARRAY_SIZE(common) + ARRAY_SIZE(efi)] = {
		"grub-mkimage", "-O", platform};
	autofree char *folder = NULL;
	autoclose int fd = -1;
	const char *const *modules = platforms[find_platform(platform)].modules;
	size_t n = 3;
	char path[64];
	int r;

	r = grubimage_folder(platform, &folder);
	if (r < 0)
		return r;
	r = tempfile_in_memory(0, &fd);
	if (r < 0)
		return report(r, "cannot make a file in memory for grub-mkimage");
	tempfile_path(fd, path);
	argv[n++] = "-d";
	argv[n++] = folder;
	argv[n++] = "-p";
	argv[n++] = prefix;
	argv[n++] = "-o";
	argv[n++] = path;
	if (no_shim)
		argv[n++] = "--disable-shim-lock";
	for (size_t i = 0; common[i]; i++)
		argv[n++] = common[i];
	for (size_t i = 0; modules[i]; i++)
		argv[n++] = modules[i];
	r = child_start(argv, NULL, "grub-common", &ret_image->child);
	if (r == 0)
		ret_image->fd = steal_fd(&fd);
	return r;
}

int grubimage_finish(struct grubimage *image, void **ret_data, size_t *ret_size)
{
	autoclose int fd = steal_fd(&image->fd);
	char path[64];
	int r;

	r = child_wait(&image->child);
	if (r < 0)
		return r;
	tempfile_path(fd, path);
	r = file_read_whole(path, IMAGE_MAX, ret_data, ret_size);
	if (r < 0)
		return report(r, "cannot read the output of grub-mkimage");
	return 0;
}

void grubimage_stop(struct grubimage *image)
{
	if (image->child.pid == 0)
		return;
	child_stop(&image->child);
	close_fd(&image->fd);
}
