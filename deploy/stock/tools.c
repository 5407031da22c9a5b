/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "tools.h"

#include <elf.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "base/util.h"
#include "elf.h"

#define CRYPT	   "lib/liveng/crypt"
#define KEYS	   "lib/liveng/keys" /* another: its libraries may be of another system */
#define QUEUE_MAX  256u		     /* libraries of all programs together */
#define CRYPTSETUP "sbin/cryptsetup"
#define DMSETUP	   "sbin/dmsetup"
#define LOADKEYS   "bin/loadkeys"
#define ASKPASS	   "lib/cryptsetup/askpass"

/* libargon2 ends its threads with pthread_exit(), for which the C library loads this by itself. */
#define LIBGCC "libgcc_s.so.1"

/* In place of cryptsetup's own, which not every system has. */
#define ASKPASS_SCRIPT                             \
	"#!/bin/sh\n"                              \
	"# Ask for a passphrase on the console.\n" \
	"exec < /dev/console\n"                    \
	"stty -echo 2> /dev/null\n"                \
	"printf %s \"$1\" > /dev/console\n"        \
	"IFS= read -r passphrase\n"                \
	"stty echo 2> /dev/null\n"                 \
	"echo > /dev/console\n"                    \
	"printf %s \"$passphrase\"\n"

static const char *const rules[] = {
	"lib/udev/rules.d/55-dm.rules",
	"lib/udev/rules.d/60-persistent-storage-dm.rules",
	"lib/udev/rules.d/95-dm-notify.rules",
};

/* Folders of libraries by machine (dpkg-architecture(1)). */
static const struct {
	uint16_t machine;
	const char *triplet;
} triplets[] = {
	{EM_X86_64, "x86_64-linux-gnu"},
	{EM_386, "i386-linux-gnu"},
	{EM_AARCH64, "aarch64-linux-gnu"},
	{EM_ARM, "arm-linux-gnueabihf"},
	{EM_RISCV, "riscv64-linux-gnu"},
};

struct taking {
	const struct source *source;
	const char *folder; /* of ours */
	const char *image_name;
	bool is_optional; /* nothing is said if it cannot be had */
	struct parts *parts;
	const char *triplet;
	char loader[64];	/* its name */
	char *queue[QUEUE_MAX]; /* libraries still to be added, then those that were */
	size_t queued;
};

int tools_are_in(const struct source *source, const char *image_name)
{
	int r = source_has(source, CRYPTSETUP);

	return r < 0 ? source_refuse(source, image_name, CRYPTSETUP, r) : r;
}

static int refuse_file(const struct taking *taking, const char *path, int error)
{
	if (taking->is_optional)
		return error;
	return source_refuse(taking->source, taking->image_name, path, error);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Add it to those that are needed, once. */
static int enqueue(struct taking *taking, const char *library)
{
	for (size_t i = 0; i < taking->queued; i++)
		if (strcmp(taking->queue[i], library) == 0)
			return 0;
	if (taking->queued == QUEUE_MAX || strchr(library, '/'))
		return refuse_file(taking, library, -ERR_TOO_LARGE);
	taking->queue[taking->queued] = strdup(library);
	if (!taking->queue[taking->queued])
		return -ENOMEM;
	taking->queued++;
	return 0;
}

static int enqueue_needed(struct taking *taking, const struct elf *elf)
{
	int r = 0;

	for (size_t i = 0; r == 0 && elf->needed[i]; i++)
		if (strcmp(elf->needed[i], taking->loader) != 0)
			r = enqueue(taking, elf->needed[i]);
	return r;
}

/* Put a file into our folder. */
static int take_file(struct taking *taking, const char *name, void *data, size_t size)
{
	autofree char *path = text_new("%s/%s", taking->folder, name);

	if (!path) {
		free(data);
		return -ENOMEM;
	}
	return parts_take(taking->parts, path, 0755, data, size);
}

static int take_loader(struct taking *taking, const struct elf *elf)
{
	void *data = NULL;
	size_t size;
	int r;

	if (taking->loader[0])
		return 0;
	snprintf(taking->loader, sizeof(taking->loader), "%s", base_name(elf->interpreter));
	for (size_t i = 0; i < ARRAY_SIZE(triplets); i++)
		if (triplets[i].machine == elf->machine)
			taking->triplet = triplets[i].triplet;
	if (!taking->triplet && taking->is_optional)
		return -ERR_UNSUPPORTED;
	if (!taking->triplet)
		return refuse(-ERR_REFUSED, "%s: has programs for a machine of the unknown type %u",
			taking->image_name, elf->machine);
	r = source_read(taking->source, elf->interpreter + 1, &data, &size);
	if (r < 0)
		return refuse_file(taking, elf->interpreter, r);
	return take_file(taking, taking->loader, data, size);
}

/* Add the script @text in the place of the program @path; the first boot finds a copy among the
 * others. */
static int take_script(struct taking *taking, const char *path, const char *text)
{
	autofree char *copy = text_new("%s/%s.sh", taking->folder, base_name(path));
	int r = copy ? parts_add_text(taking->parts, copy, 0755, text) : -ENOMEM;

	return r < 0 ? r : parts_add_text(taking->parts, path, 0755, text);
}

/* Add the program @path, and in its place a script that starts it. */
static int take_program(struct taking *taking, const char *path)
{
	autofree char *script = NULL;
	struct elf elf;
	void *data = NULL;
	size_t size;
	int r;

	r = source_read(taking->source, path, &data, &size);
	if (r < 0)
		return refuse_file(taking, path, r);
	r = elf_parse(data, size, &elf);
	if (r == 0 && (!elf.interpreter || elf.interpreter[0] != '/'))
		r = -ERR_FOREIGN;
	if (r < 0) {
		free(data);
		return refuse_file(taking, path, r);
	}
	log_debug("%s of %s", path, source_name(taking->source));
	r = take_loader(taking, &elf);
	if (r == 0)
		r = enqueue_needed(taking, &elf);
	if (r < 0) {
		free(data);
		return r;
	}
	r = take_file(taking, base_name(path), data, size);
	script = text_new("#!/bin/sh\nexec /%s/%s --library-path /%s /%s/%s \"$@\"\n",
		taking->folder, taking->loader, taking->folder, taking->folder, base_name(path));
	if (r == 0)
		r = script ? take_script(taking, path, script) : -ENOMEM;
	return r;
}

/* Find the library where the loader would, in the folders of Debian. */
static int find_library(
	const struct taking *taking, const char *name, void **ret_data, size_t *ret_size)
{
	/* /usr may not be merged. Most are in the machine's own folder. */
	static const struct {
		const char *folder;
		const char *below; /* the machine's own; NULL: it has none */
	} places[] = {{"usr/lib", "/"}, {"lib", "/"}, {"usr/lib", "/systemd/"}, {"usr/lib", NULL},
		{"lib", NULL}, {"lib64", NULL}};
	int r = -ENOENT;

	for (size_t i = 0; r == -ENOENT && i < ARRAY_SIZE(places); i++) {
		autofree char *path = places[i].below
					      ? text_new("%s/%s%s%s", places[i].folder,
							taking->triplet, places[i].below, name)
					      : text_new("%s/%s", places[i].folder, name);

		if (!path)
			return -ENOMEM;
		r = source_read(taking->source, path, ret_data, ret_size);
	}
	return r;
}

static int take_libraries(struct taking *taking)
{
	int r = enqueue(taking, LIBGCC);

	/* The queue grows meanwhile. */
	for (size_t i = 0; r == 0 && i < taking->queued; i++) {
		const char *name = taking->queue[i];
		void *data = NULL;
		struct elf elf;
		size_t size;

		r = find_library(taking, name, &data, &size);
		if (r < 0)
			return refuse_file(taking, name, r);
		r = elf_parse(data, size, &elf);
		if (r < 0) {
			free(data);
			return refuse_file(taking, name, r);
		}
		r = enqueue_needed(taking, &elf);
		if (r < 0)
			free(data);
		else
			r = take_file(taking, name, data, size);
	}
	return r;
}

/* Take @path where the initrd lacks it; if the system does not have it either, @script if there is
 * one, or nothing. */
static int take_if_there(struct taking *taking, const char *path, const char *script)
{
	int r;

	if (parts_have(taking->parts, path))
		return 0;
	r = source_has(taking->source, path);
	if (r < 0)
		return refuse_file(taking, path, r);
	if (r > 0)
		return take_program(taking, path);
	return script ? take_script(taking, path, script) : 0;
}

static int take_programs(struct taking *taking)
{
	int r = 0;

	if (!parts_have(taking->parts, CRYPTSETUP))
		r = take_program(taking, CRYPTSETUP);
	if (r == 0)
		r = take_if_there(taking, DMSETUP, NULL);
	if (r == 0)
		r = take_if_there(taking, ASKPASS, ASKPASS_SCRIPT);
	if (r == 0 && taking->loader[0])
		r = take_libraries(taking);
	return r;
}

static int take_rules(struct taking *taking)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(rules); i++) {
		void *data = NULL;
		size_t size;

		if (parts_have(taking->parts, rules[i]))
			continue;
		r = source_read(taking->source, rules[i], &data, &size);
		if (r < 0)
			return refuse_file(taking, rules[i], r);
		r = parts_take(taking->parts, rules[i], 0644, data, size);
	}
	return r;
}

/* Programs of this machine run in the image's system only if that is for the same one. */
static int check_machine(const struct taking *taking, const struct source *image)
{
	struct elf ours, theirs;
	autofree void *our_data = NULL, *their_data = NULL;
	size_t our_size, their_size;
	int r;

	r = source_read(image, "bin/sh", &their_data, &their_size);
	if (r == 0)
		r = elf_parse(their_data, their_size, &theirs);
	if (r == -ENOENT || r == -ERR_FOREIGN)
		return refuse(-ERR_REFUSED,
			"%s: the image's system has no /bin/sh, so nothing can be added to it: "
			"give an initrd with cryptsetup by --initrd",
			taking->image_name);
	if (r < 0)
		return source_refuse(image, taking->image_name, "bin/sh", r);
	r = source_read(taking->source, CRYPTSETUP, &our_data, &our_size);
	if (r == 0)
		r = elf_parse(our_data, our_size, &ours);
	if (r < 0)
		return refuse_file(taking, CRYPTSETUP, r);
	if (ours.machine == theirs.machine)
		return 0;
	return refuse(-ERR_REFUSED,
		"%s: has no cryptsetup, and this computer's is for another machine: give an initrd "
		"with cryptsetup by --initrd",
		taking->image_name);
}

static void taking_clear(struct taking *taking)
{
	for (size_t i = 0; i < taking->queued; i++)
		free(taking->queue[i]);
}

int tools_add_loadkeys(const struct source *image, struct parts *parts)
{
	cleanup(taking_clear) struct taking taking = {
		.source = image, .folder = KEYS, .parts = parts, .is_optional = true};
	int r;

	if (parts_have(parts, LOADKEYS))
		return 0;
	r = take_program(&taking, LOADKEYS);
	return r < 0 ? r : take_libraries(&taking);
}

int tools_add(const struct source *source, const struct source *image, const char *image_name,
	struct parts *parts)
{
	cleanup(taking_clear) struct taking taking = {
		.source = source, .folder = CRYPT, .image_name = image_name, .parts = parts};
	int r = source == image ? 0 : check_machine(&taking, image);

	if (r == 0)
		r = take_programs(&taking);
	if (r == 0)
		r = take_rules(&taking);
	if (r == 0 && source != image)
		r = parts_add_text(parts, CRYPT "/brought", 0644, "");
	return r;
}
