/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "inputs.h"

#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/size.h"
#include "base/text.h"
#include "base/util.h"
#include "layout/layout.h"
#include "persistence/container.h"
#include "persistence/keymap.h"
#include "slots/slot.h"

#define TREE_SIZE	(4ull * MIB) /* more than the new tree of partition 1 takes */
#define PACKAGES_FOLDER "liveng"     /* on partition 1 */
#define PARAMETERS_MAX	1536u	     /* bytes; the kernel accepts 2047 */

struct input_paths inputs_paths(const struct deploy_options *options)
{
	const char *const all[] = {options->image, options->kernel, options->initrd,
		options->passphrase_file, options->packages};
	struct input_paths inputs = {0};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i])
			inputs.paths[n++] = all[i];
	return inputs;
}

/* Is it another one, such as all but the first of *.iso? */
static bool is_another_image(const char *path, const char *image)
{
	const char *suffix = strrchr(path, '.');
	struct stat st, own;

	return suffix && strcmp(suffix, ".iso") == 0 && stat(path, &st) == 0 &&
	       S_ISREG(st.st_mode) && image_probe(path) == 0 && stat(image, &own) == 0 &&
	       (st.st_dev != own.st_dev || st.st_ino != own.st_ino);
}

int inputs_check_order(const struct deploy_options *options)
{
	const char *image = options->image, *first = options->targets[0];
	struct stat st;
	int r = image_probe(image);

	/* Usually an image is a file, and a target does not hold an image. */
	if ((r < 0 || (stat(image, &st) == 0 && S_ISBLK(st.st_mode))) && stat(first, &st) == 0 &&
		S_ISREG(st.st_mode) && image_probe(first) == 0)
		return refuse(-ERR_REFUSED,
			"%s: is an image, not a target: name the image first, then the targets",
			first);
	for (size_t i = 0; i < options->n_targets; i++)
		if (is_another_image(options->targets[i], image))
			return refuse(-ERR_REFUSED,
				"%s: is an image, not a target: only one image can be given",
				options->targets[i]);
	if (r == 0 || r == -ERR_FOREIGN || r == -ERR_NOT_DISK)
		return 0; /* image_open() says more */
	return report(r, "%s", image);
}

/* Is it in the folder of packages? */
static bool is_a_package(const struct deploy_options *options, const struct target *target)
{
	cleanup(close_folder) DIR *folder = options->packages ? opendir(options->packages) : NULL;
	struct dirent *entry;

	while (folder && (entry = readdir(folder))) {
		autofree char *path = text_new("%s/%s", options->packages, entry->d_name);

		if (path && target_is_at(target, path))
			return true;
	}
	return false;
}

int inputs_check_target(const struct deploy_options *options, const struct target *target)
{
	const struct input_paths inputs = inputs_paths(options);
	bool is_one = is_a_package(options, target);

	for (const char *const *path = inputs.paths; *path && !is_one; path++)
		is_one = target_is_at(target, *path);
	if (!is_one)
		return 0;
	return refuse(-ERR_REFUSED,
		"%s: is one of the files the stick is made from: name another target",
		target->path);
}

int inputs_check_set(
	const struct inputs *inputs, const struct luks *luks, const struct observer *observer)
{
	/* No host: the stick will boot on other machines as well. */
	return candidate_check(inputs->set.candidate, NULL, luks, observer);
}

/* Kernels truncate a longer command line; the stick's own parameters need some room as well. */
static int check_parameters(const struct inputs *inputs)
{
	const char *append = inputs->options->append ?: "",
		   *console = inputs->options->console ?: "";
	const char *of_image = image_parameters(inputs->image);
	const char *settings = inputs->settings.parameters;

	if (strlen(of_image) + strlen(settings) + strlen(append) + strlen(console) <=
		PARAMETERS_MAX)
		return 0;
	return refuse(-ERR_REFUSED,
		"%s: the kernel parameters are too long: %zu bytes from the image's menu and %zu "
		"from options, at most %u are possible",
		image_path(inputs->image), strlen(of_image),
		strlen(settings) + strlen(append) + strlen(console), PARAMETERS_MAX);
}

/* A partition without room for a second set could never be updated. */
static int check_kernel_size(const struct inputs *inputs)
{
	const uint64_t set = factoryset_size(&inputs->set) + LAYOUT_SESSION_SIZE;
	const uint64_t size = ROUND_UP(inputs->options->kernel_size, MIB);
	char has[SIZE_TEXT], each[SIZE_TEXT], enough[SIZE_TEXT];

	if (size == 0 || slot_get(size, SLOT_B).blocks >= set / ISO_BLOCK)
		return 0;
	return refuse(-ERR_NO_ROOM,
		"--kernel-size: %s is too small for two kernel sets of %s each: give %s",
		size_text(size, has), size_text(set, each), size_option(3 * set, enough));
}

/* What live-config does once, at the first boot of a persistence. */
static bool sets_up(const struct deploy_options *options)
{
	return options->locale || options->timezone || options->username || options->hostname;
}

/* A stock image's initrd cannot do all that a stick needs: add what it lacks. */
static int extend_initrd(struct inputs *inputs, bool opens, const struct observer *observer)
{
	const struct candidate *candidate = inputs->set.candidate;
	const enum persistence_kind persistence = inputs->options->persistence;
	autofree char *keymap = NULL;
	int r;
	struct addition_request request = {
		.release = candidate->release,
		.folder = inputs->options->packages,
		.opens = opens,
		.persists = persistence != PERSISTENCE_NONE,
		.is_kept = persistence == PERSISTENCE_KEPT,
		.has_settings = sets_up(inputs->options),
		.has_hostname = inputs->options->hostname,
	};

	r = opens ? keymap_make(&inputs->settings.keyboard, observer, &keymap) : 0;
	request.keymap = keymap;
	if (r == 0)
		r = addition_append(inputs->image, candidate->initrd_fd, candidate->initrd_path,
			&request, observer, &inputs->added);
	return r > 0 ? factoryset_extend_initrd(&inputs->set) : r;
}

struct system_files inputs_packages(const struct inputs *inputs)
{
	const struct stickpackages *packages = &inputs->added.packages;

	return (struct system_files){PACKAGES_FOLDER, packages->names, packages->fds, packages->n};
}

int inputs_open(const struct deploy_options *options, bool opens, const struct observer *observer,
	struct inputs *ret_inputs)
{
	const bool encrypted = options->persistence == PERSISTENCE_ENCRYPTED;
	cleanup(inputs_close) struct inputs inputs = {.options = options};
	const struct luks luks = container_luks();
	int r;

	log_step("opening %s", options->image);
	r = image_open(options->image, &inputs.image);
	if (r == 0)
		r = factoryset_open(inputs.image, options->kernel, options->initrd, &inputs.set);
	if (r == 0)
		r = settings_make(options, image_parameters(inputs.image), "", &inputs.settings);
	if (r == 0 && sets_up(options) && options->persistence == PERSISTENCE_KEPT)
		log_warning("--locale, --timezone, --username and --hostname change nothing in a "
			    "persistence that is kept: change them in the running system");
	if (r == 0 && inputs.set.initrd_is_ours)
		r = extend_initrd(&inputs, encrypted || opens, observer);
	/* This takes the longest and runs in another program, so in parallel to everything that
	 * follows. */
	if (r == 0 && inputs.set.is_for_pc)
		r = bios_begin(&inputs.bios);
	if (r == 0)
		r = factoryset_digest(&inputs.set, observer);
	if (r == 0)
		r = inputs_check_set(&inputs, encrypted ? &luks : NULL, observer);
	if (r == 0)
		r = check_kernel_size(&inputs);
	if (r == 0)
		r = check_parameters(&inputs);
	if (r == 0)
		r = loaders_choose(
			inputs.image, &inputs.set.kernel, options->preloader, &inputs.loaders);
	if (r == 0)
		r = bios_finish(&inputs.bios);
	if (r < 0)
		return r;
	*ret_inputs = inputs;
	inputs = (struct inputs){0};
	return 0;
}

void inputs_close(struct inputs *inputs)
{
	settings_clear(&inputs->settings);
	addition_result_clear(&inputs->added);
	bios_clear(&inputs->bios);
	loaders_free(inputs->loaders);
	factoryset_close(&inputs->set);
	image_close(inputs->image);
	*inputs = (struct inputs){0};
}

uint64_t inputs_needed(const struct inputs *inputs)
{
	struct layout_request request = {
		.system_size = volume_partition(image_volume(inputs->image)).size + TREE_SIZE +
			       inputs->added.packages.size,
		.set_size = factoryset_size(&inputs->set),
		.kernel_size = inputs->options->kernel_size,
		.persistence = inputs->options->persistence != PERSISTENCE_NONE,
	};
	struct layout layout;
	uint64_t needed = 0;

	/* With a kept persistence, its position determines how much room there is. */
	if (inputs->options->persistence == PERSISTENCE_KEPT)
		return 0;
	/* The image's own kernel and initrd count even if they are replaced by others. */
	if (!inputs->set.kernel_is_ours || !inputs->set.initrd_is_ours)
		request.system_size += request.set_size;
	(void)layout_make(&request, &layout, &needed);
	return needed;
}
