/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "system.h"

#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "base/util.h"
#include "iso/pvd.h"
#include "iso/session.h"
#include "iso/tree.h"
#include "slots/kernelset.h"

#define LABEL	    "LIVENG_SYSTEM"
#define LIVE	    "/" KERNELSET_FOLDER
#define HEAD_BLOCKS 18u		   /* the system area and two descriptors */
#define GAP_MAX	    (256u * 1024u) /* gap between two files, bytes, that one write may cover */
#define PIECE	    (4u * MIB)

/* At the top level: boot loaders, and checksums that are no longer valid. */
static const char *const dropped[] = {"EFI", "boot", "isolinux", "syslinux", "[BOOT]",
	"boot.catalog", "boot.cat", "efi.img", "md5sum.txt", "sha1sum.txt", "sha256sum.txt",
	"sha512sum.txt", "md5sum.README"};

/* Debian's installer, which boots by itself, and what only belongs to it in an image that has one:
 * in other images these may be anything. Its archive, pool/ and dists/, stays: the live system's
 * own installer (Calamares) installs from it. */
static const char *const installer[] = {
	"install", "install.amd", "install.386", "install.a64", "d-i", "pool-udeb"};
static const char *const beside_installer[] = {"firmware", "autorun.inf", "autorun.ico",
	"setup.exe", "g2ldr", "g2ldr.mbr", "win32-loader.ini", "tools", "css", "doc", "pics",
	"README.html", "README.txt", "README.source", "README.mirrors.html", "README.mirrors.txt"};

struct system {
	const struct image *image;
	const char *sources;   /* what is read for the new tree, for messages */
	struct volume *volume; /* with its tree changed */
	struct session *session;
	char date[17];
	struct extent *kept; /* of the image, bytes: sorted, not overlapping */
	size_t n, allocated;
	uint64_t start_lba; /* of the new tree */
	uint64_t kept_bytes;
};

static bool is_among(const char *name, const char *const names[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(name, names[i]) == 0)
			return true;
	return false;
}

static bool is_installer(const char *name)
{
	return is_among(name, installer, ARRAY_SIZE(installer));
}

static int drop_from_top(struct volume *volume)
{
	cleanup(tree_names_freep) char **names = NULL;
	bool installs = false;
	int r;

	r = tree_list(volume, "/", &names);
	for (size_t i = 0; r == 0 && names[i]; i++)
		installs = installs || is_installer(names[i]);
	for (size_t i = 0; r == 0 && names[i]; i++) {
		char path[300];

		snprintf(path, sizeof(path), "/%s", names[i]);
		if (is_installer(names[i]) || is_among(names[i], dropped, ARRAY_SIZE(dropped)) ||
			(installs &&
				is_among(names[i], beside_installer, ARRAY_SIZE(beside_installer))))
			r = tree_remove(volume, path);
	}
	return r;
}

/* A kind of file in live/ that belongs to a kernel set. */
struct part {
	const char *stem;
	enum {
		BY_NAME,   /* "STEM" */
		BY_KERNEL, /* also "STEM-RELEASE" of a kernel, but not "config-hooks", which
			      live-config reads */
		BY_STEM,   /* also followed by "-" or "." and anything */
	} known;
	const char *from; /* path in the image; NULL: none */
	const char *name; /* its name here, wherever it is in the image */
};

static bool is_part(const char *name, const struct part *part, char *const live[])
{
	size_t length = strlen(part->stem);
	const char *rest = name + length;

	if (strncmp(name, part->stem, length) != 0)
		return false;
	if (!*rest || part->known == BY_STEM)
		return !*rest || *rest == '-' || *rest == '.';
	for (size_t i = 0; part->known == BY_KERNEL && *rest == '-' && live[i]; i++)
		if (strncmp(live[i], "vmlinuz-", 8) == 0 && strcmp(live[i] + 8, rest + 1) == 0)
			return true;
	return false;
}

/* Remove such parts of all kernels except the one that the stick gets. @live: the names that the
 * image had there. Folders are not removed, unless a file of ours needs the name. */
static int drop_parts(struct volume *volume, const struct part *part, char *const live[])
{
	cleanup(tree_names_freep) char **names = NULL;
	int r;

	r = tree_list(volume, LIVE, &names);
	for (size_t i = 0; r == 0 && names[i]; i++) {
		char path[300];

		snprintf(path, sizeof(path), LIVE "/%s", names[i]);
		if (!is_part(names[i], part, live))
			continue;
		if (strcmp(names[i], part->name) == 0 ? !part->from : !tree_has(volume, path, true))
			r = tree_remove(volume, path);
	}
	return r;
}

/* The file of that kind for the release, or with the bare name; NULL if there is none.
 */
static char *beside_kernel(const struct volume *volume, const char *stem, const char *release)
{
	char *path = text_new(LIVE "/%s-%s", stem, release);

	if (!path)
		return NULL;
	if (!tree_has(volume, path, false))
		path[strlen(LIVE "/") + strlen(stem)] = 0;
	if (tree_has(volume, path, false))
		return path;
	free(path);
	return NULL;
}

static int arrange_set(
	struct volume *volume, const struct image *image, const struct factoryset *set)
{
	const struct candidate *candidate = set->candidate;
	const char *release = candidate->release;
	autofree char *config = beside_kernel(volume, "config", release);
	autofree char *map = beside_kernel(volume, "System.map", release);
	const struct part parts[] = {
		{"vmlinuz", BY_STEM, set->kernel_is_ours ? image_kernel(image) : NULL,
			KERNELSET_KERNEL},
		{"initrd", BY_STEM, set->initrd_is_ours ? image_initrd(image) : NULL,
			KERNELSET_INITRD},
		{"config", BY_KERNEL, set->kernel_is_ours ? config : NULL, "config"},
		{"System.map", BY_KERNEL, set->kernel_is_ours ? map : NULL, "System.map"},
		{KERNELSET_RELEASE, BY_NAME, NULL, KERNELSET_RELEASE},
		{KERNELSET_SUMS, BY_NAME, NULL, KERNELSET_SUMS},
		{KERNELSET_MENU, BY_NAME, NULL, KERNELSET_MENU},
	};
	cleanup(tree_names_freep) char **live = NULL;
	autofree char *release_text = NULL, *sums = NULL;
	int r;

	r = tree_list(volume, LIVE, &live);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(parts); i++)
		if (parts[i].from)
			r = tree_move(volume, parts[i].from, LIVE, parts[i].name);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(parts); i++)
		r = drop_parts(volume, &parts[i], live);
	if (r == 0 && !set->kernel_is_ours)
		r = tree_add_file(volume, LIVE, KERNELSET_KERNEL, &set->kernel);
	if (r == 0 && !set->initrd_is_ours)
		r = tree_add_file(volume, LIVE, KERNELSET_INITRD, &set->initrd);
	if (r == 0)
		r = kernelset_release_text(release, &release_text);
	if (r == 0)
		r = kernelset_sums_text(
			release, candidate->kernel_sum, candidate->initrd_sum, &sums);
	if (r == 0)
		r = tree_add_text(volume, LIVE, KERNELSET_RELEASE, release_text);
	if (r == 0)
		r = tree_add_text(volume, LIVE, KERNELSET_SUMS, sums);
	return r;
}

static int note_extent(void *data, const char *name, struct extent extent)
{
	struct system *system = data;

	(void)name;
	if (extent.size == 0)
		return 0;
	if (system->n == system->allocated) {
		size_t more = system->allocated ? 2 * system->allocated : 64;
		void *larger = realloc(system->kept, more * sizeof(struct extent));

		if (!larger)
			return -ENOMEM;
		system->kept = larger;
		system->allocated = more;
	}
	extent.size = ROUND_UP(extent.size, ISO_BLOCK);
	system->kept[system->n++] = extent;
	return 0;
}

static int compare_extents(const void *a, const void *b)
{
	uint64_t x = ((const struct extent *)a)->start, y = ((const struct extent *)b)->start;

	return x < y ? -1 : x > y;
}

/* Sort by position, and merge those close to each other. None may overlap the head. */
static int merge_kept(struct system *system)
{
	size_t n = 0;

	if (system->n > 0)
		qsort(system->kept, system->n, sizeof(struct extent), compare_extents);
	for (size_t i = 0; i < system->n; i++) {
		struct extent next = system->kept[i], *last = n > 0 ? &system->kept[n - 1] : NULL;

		if (next.start < HEAD_BLOCKS * ISO_BLOCK)
			return -ERR_DAMAGED;
		if (last && next.start <= last->start + last->size + GAP_MAX)
			last->size = MAX(last->size, next.start + next.size - last->start);
		else
			system->kept[n++] = next;
	}
	system->n = n;
	for (size_t i = 0; i < n; i++)
		system->kept_bytes += system->kept[i].size;
	return 0;
}

static int add_files(struct volume *volume, const struct system_files *files)
{
	autofree char *folder = text_new("/%s", files->folder);
	int r = 0;

	if (files->n == 0)
		return 0;
	if (!folder)
		return -ENOMEM;
	r = tree_remove(volume, folder); /* the image's own: it is itself a stick's */
	if (r == 0 || r == -ENOENT)
		r = tree_add_folder(volume, "/", files->folder);
	for (size_t i = 0; r == 0 && i < files->n; i++) {
		const struct tree_file file = {.fd = files->fds[i]};

		r = tree_add_file(volume, folder, files->names[i], &file);
	}
	return r;
}

static int make(struct system *system, struct image *image, const struct factoryset *set,
	const struct system_files *files)
{
	const struct volume *original = image_volume(image);
	struct extent all = volume_partition(original);
	int r;

	/* A separate tree to change: the image's own stays unmodified. */
	r = volume_open(image_disk(image), all, volume_pvd(original), &system->volume);
	/* First, because the set may be in a folder that is dropped. */
	if (r == 0)
		r = arrange_set(system->volume, image, set);
	if (r == 0)
		r = drop_from_top(system->volume);
	if (r == 0)
		r = add_files(system->volume, files);
	if (r == 0)
		r = tree_walk(system->volume, note_extent, system);
	if (r == 0)
		r = merge_kept(system);
	if (r < 0)
		return r;
	system->start_lba = ROUND_UP(all.size, MIB) / ISO_BLOCK;
	if (system->start_lba > UINT32_MAX - MIB)
		return -ERR_TOO_LARGE;
	return session_new(system->volume, (uint32_t)system->start_lba, &system->session);
}

int system_new(struct image *image, const struct factoryset *set, const struct system_files *files,
	const char *date, struct system **ret_system)
{
	cleanup(system_freep) struct system *system = calloc(1, sizeof(*system));
	int r;

	if (!system)
		return -ENOMEM;
	system->image = image;
	system->sources = factoryset_sources(set);
	snprintf(system->date, sizeof(system->date), "%s", date);
	r = make(system, image, set, files);
	if (r < 0) {
		(void)report(r, "%s: cannot use its file system", image_path(image));
		return r == -ERR_DAMAGED ? -ERR_REFUSED : r;
	}
	*ret_system = steal_pointer(system);
	return 0;
}

void system_free(struct system *system)
{
	if (!system)
		return;
	session_free(system->session);
	volume_close(system->volume);
	free(system->kept);
	free(system);
}

void system_freep(struct system **system)
{
	system_free(*system);
}

uint64_t system_size(const struct system *system)
{
	return system->start_lba * ISO_BLOCK + session_size(system->session);
}

uint64_t system_bytes(const struct system *system)
{
	return HEAD_BLOCKS * ISO_BLOCK + system->kept_bytes + session_size(system->session);
}

/* Write the new tree; its descriptor, from which the head will be made, is in its first blocks. */
static int write_tree(const struct system *system, struct output *output, struct extent partition,
	uint8_t ret_block[ISO_BLOCK])
{
	autofree uint8_t *buffer = disk_buffer(PIECE);
	uint64_t total = session_size(system->session);
	uint64_t start = partition.start + system->start_lba * ISO_BLOCK;
	int r = buffer ? 0 : -ENOMEM;

	for (uint64_t done = 0; r == 0 && done < total;) {
		size_t size = (size_t)MIN(total - done, (uint64_t)PIECE);

		r = session_read(system->session, buffer, size);
		if (r < 0)
			output_set_unread(output, system->sources);
		if (r == 0 && done == 0)
			memcpy(ret_block, buffer + PVD_LBA * ISO_BLOCK, ISO_BLOCK);
		if (r == 0)
			r = output_write(output, start + done, buffer, size);
		done += size;
	}
	return r;
}

static int write_head(const struct system *system, struct output *output, struct extent partition,
	const uint8_t block[ISO_BLOCK])
{
	autofree uint8_t *head = disk_buffer(HEAD_BLOCKS * ISO_BLOCK);
	uint64_t blocks = partition.size / ISO_BLOCK;
	struct pvd tree, volume;
	int r = head ? 0 : -ENOMEM;

	if (r == 0)
		r = pvd_parse(block, blocks, &tree);
	if (r == 0)
		r = pvd_new(LABEL, system->date, &volume);
	if (r < 0)
		return r;
	memset(head, 0, HEAD_BLOCKS * ISO_BLOCK);
	/* The session's descriptor with a different name and date; all other fields are the
	 * session's. */
	pvd_set_blocks(&tree, blocks);
	pvd_rename(&tree, &volume);
	memcpy(head + PVD_LBA * ISO_BLOCK, tree.block, ISO_BLOCK);
	pvd_terminator(head + (PVD_LBA + 1) * ISO_BLOCK);
	return output_write(output, partition.start, head, HEAD_BLOCKS * ISO_BLOCK);
}

int system_write(struct system *system, struct output *output, struct extent partition)
{
	uint8_t block[ISO_BLOCK];
	const struct input input = {disk_fd(image_disk(system->image)), image_path(system->image)};
	int r = 0;

	for (size_t i = 0; r == 0 && i < system->n; i++)
		r = output_copy(output, partition.start + system->kept[i].start, &input,
			system->kept[i].start, system->kept[i].size);
	if (r == 0)
		r = write_tree(system, output, partition, block);
	if (r == 0)
		r = write_head(system, output, partition, block);
	return r;
}
