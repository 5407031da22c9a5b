/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "loaders.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "base/util.h"
#include "grubimage.h"
#include "kernel/pe.h"

#define FOLDER	      "EFI/BOOT"
#define GRUB_FOLDER   "/boot/grub"
#define PRELOADER_MAX (16u * MIB)

static const struct firmware firmwares[LOADERS_FIRMWARES] = {
	{"x64", "x86_64-efi", "", PE_MACHINE_AMD64},
	{"ia32", "i386-efi", " (32-bit UEFI only)", PE_MACHINE_I386},
	{"aa64", "arm64-efi", "", PE_MACHINE_ARM64},
};

static const char *const preloader_files[PRELOADER_FILES] = {"PreLoader.efi", "HashTool.efi"};

/* The kernel is a UEFI program as well. */
static int read_kernel(const struct tree_file *kernel, struct efiprogram *ret_kernel)
{
	autoclose int fd = open(kernel->path, O_RDONLY | O_CLOEXEC);
	size_t size = (size_t)kernel->part.extent.size;
	autofree void *data = NULL;
	struct stat status;
	int r = 0;

	if (fd < 0 || fstat(fd, &status) < 0)
		r = -errno;
	else if (size == 0)
		size = (size_t)status.st_size;
	if (r == 0 && !(data = malloc(size + 1)))
		r = -ENOMEM;
	if (r == 0)
		r = file_read(fd, data, size, kernel->part.extent.start);
	if (r < 0)
		return report(r, "%s: cannot read the kernel", kernel->path);
	if (size < 2 || memcmp(data, "MZ", 2) != 0)
		return refuse(-ERR_REFUSED,
			"%s: its kernel has no EFI stub: no UEFI machine would boot it",
			kernel->path);
	return efiprogram_read(kernel->path, steal_pointer(data), size, ret_kernel);
}

static int choose_set(const struct image *image, const struct firmware *firmware, bool preloader,
	struct loaderset *ret_set)
{
	int r = -ENOENT;

	/* Under Secure Boot a signed GRUB starts no kernel without shim. */
	if (preloader)
		return loaderset_make(firmware, true, ret_set);
	r = loaderset_from_image(image, firmware, ret_set);
	if (r == -ENOENT || r == -ERR_REFUSED)
		r = loaderset_from_host(firmware, ret_set);
	if (r == -ENOENT || r == -ERR_REFUSED)
		r = loaderset_make(firmware, false, ret_set);
	return r;
}

static int read_preloader(const char *folder, struct efiprogram *programs)
{
	for (size_t i = 0; i < PRELOADER_FILES; i++) {
		autofree char *path = NULL;
		void *data;
		size_t size;
		int r;

		path = text_new("%s/%s", folder, preloader_files[i]);
		if (!path)
			return -ENOMEM;
		r = file_read_whole(path, PRELOADER_MAX, &data, &size);
		if (r < 0)
			return report(r, "%s", path);
		r = efiprogram_read(path, data, size, &programs[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The kernel's own firmware first: without it the stick is useless. */
static int choose(const struct image *image, const char *preloader, struct loaders *loaders)
{
	uint16_t machine = loaders->kernel.machine;
	int r;

	for (size_t i = 0; i < LOADERS_FIRMWARES; i++) {
		if (firmwares[i].machine != machine)
			continue;
		r = choose_set(image, &firmwares[i], preloader, &loaders->sets[0]);
		if (r == -ENOENT)
			return refuse(-ERR_REFUSED,
				"%s: has no signed boot loaders for %s, and GRUB's files to make "
				"one are not installed: install %s",
				image_path(image), firmwares[i].platform,
				grubimage_package(firmwares[i].platform));
		if (r < 0)
			return r;
		loaders->count = 1;
	}
	if (loaders->count == 0)
		return refuse(-ERR_REFUSED,
			"%s: boots no known kind of machine: its kernel is for machine %#x",
			image_path(image), machine);
	for (size_t i = 0; i < LOADERS_FIRMWARES; i++) {
		if (firmwares[i].machine == machine || !loaderset_is_in_image(image, &firmwares[i]))
			continue;
		r = choose_set(image, &firmwares[i], false, &loaders->sets[loaders->count]);
		if (r == -ENOENT)
			log_warning(
				"the stick will not boot on %s firmware: GRUB's files for it are "
				"not installed (%s)",
				firmwares[i].platform, grubimage_package(firmwares[i].platform));
		else if (r < 0)
			return r;
		else
			loaders->count++;
	}
	return 0;
}

int loaders_choose(const struct image *image, const struct tree_file *kernel, const char *preloader,
	struct loaders **ret_loaders)
{
	cleanup(loaders_freep) struct loaders *loaders = calloc(1, sizeof(*loaders));
	int r;

	log_step("choosing the boot loaders");
	if (!loaders)
		return -ENOMEM;
	r = read_kernel(kernel, &loaders->kernel);
	if (r < 0)
		return r;
	free(steal_pointer(loaders->kernel.data));
	r = preloader ? read_preloader(preloader, loaders->preloader) : 0;
	if (r == 0)
		r = choose(image, preloader, loaders);
	if (r < 0)
		return r;
	*ret_loaders = steal_pointer(loaders);
	return 0;
}

void loaders_free(struct loaders *loaders)
{
	for (size_t i = 0; loaders && i < loaders->count; i++)
		loaderset_clear(&loaders->sets[i]);
	for (size_t i = 0; loaders && i < PRELOADER_FILES; i++)
		efiprogram_clear(&loaders->preloader[i]);
	if (loaders)
		efiprogram_clear(&loaders->kernel);
	free(loaders);
}

void loaders_freep(struct loaders **loaders)
{
	loaders_free(*loaders);
}

static int give(const char *name, const struct efiprogram *program, loaders_file found, void *data)
{
	char path[64];

	if (!program->data)
		return 0;
	snprintf(path, sizeof(path), FOLDER "/%s", name);
	return found(data, path, program->data, program->size);
}

int loaders_walk(const struct loaders *loaders, loaders_file found, void *data)
{
	const struct efiprogram *preloader = loaders->preloader;
	int r = 0;

	for (size_t i = 0; i < loaders->count; i++) {
		const struct loaderset *set = &loaders->sets[i];

		if (i == 0 && preloader[PRELOADER].data) {
			r = give(set->programs[LOADER_FIRST].name, &preloader[PRELOADER], found,
				data);
			if (r == 0)
				r = give(preloader_files[HASHTOOL], &preloader[HASHTOOL], found,
					data);
			if (r == 0)
				r = give("loader.efi", loaderset_grub(set), found, data);
			if (r < 0)
				return r;
			continue;
		}
		for (size_t j = 0; r == 0 && j < LOADER_ROLES; j++)
			r = give(set->programs[j].name, &set->programs[j], found, data);
		if (r < 0)
			return r;
	}
	return 0;
}

size_t loaders_prefixes(const struct loaders *loaders, const char **ret_prefixes, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < loaders->count && count < n; i++) {
		const char *prefix = loaderset_grub(&loaders->sets[i])->prefix;
		bool is_new = prefix && strcmp(prefix, GRUB_FOLDER) != 0;

		for (size_t j = 0; is_new && j < count; j++)
			is_new = strcmp(prefix, ret_prefixes[j]) != 0;
		if (is_new)
			ret_prefixes[count++] = prefix;
	}
	return count;
}
