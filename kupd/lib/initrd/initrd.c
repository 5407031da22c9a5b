/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "initrd.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/util.h"
#include "modindex.h"
#include "segments.h"
#include "strset.h"

/* A bound on what a hostile file can make us keep. */
#define RELEASES_MAX 8u
#define LINKS_MAX    32u
#define LINK_SIZE    64u /* of a name or target, with the final 0 */
#define PACKINGS_MAX 8u

/* A symbolic link in the root: "lib" to "usr/lib". */
struct link {
	char name[LINK_SIZE];
	char target[LINK_SIZE]; /* without a leading slash */
};

struct initrd {
	struct strset paths;   /* without a leading slash; sorted once all are read */
	struct strset modules; /* bare names with `_`; sorted likewise */
	char *releases[RELEASES_MAX];
	size_t release_count;
	struct modindex *index; /* NULL: it has none */
	struct link links[LINKS_MAX];
	size_t link_count;
	const char *packing; /* of the last segment that is compressed */
	const char *packings[PACKINGS_MAX];
	size_t packing_count;
};

/* The state of reading one initrd. */
struct reading {
	struct initrd *initrd;
	const char *name;
	bool reported;	   /* the error that ended the reading was reported */
	struct link *link; /* whose target is being read; NULL: none */
};

/* The path without a leading "./" or "/". */
static const char *strip(const char *path)
{
	for (;;) {
		if (path[0] == '/')
			path++;
		else if (path[0] == '.' && path[1] == '/')
			path += 2;
		else
			break;
	}
	return path;
}

/* The path as initrd_has() wants it: with merged /usr also no "usr/". */
static const char *normalize(const char *path)
{
	path = strip(path);
	return strncmp(path, "usr/", 4) == 0 ? path + 4 : path;
}

/* Start reading where a link in the root leads, if this is one. Returns 1 if its content is
 * wanted. */
static int begin_link(struct reading *reading, const char *path, const struct cpio_entry *entry)
{
	struct initrd *initrd = reading->initrd;
	struct link *link = &initrd->links[initrd->link_count];

	if (!S_ISLNK(entry->mode) || strchr(path, '/') || strlen(path) >= LINK_SIZE ||
		entry->size >= LINK_SIZE || initrd->link_count == LINKS_MAX)
		return 0;
	*link = (struct link){0};
	memcpy(link->name, path, strlen(path));
	initrd->link_count++;
	reading->link = link;
	return 1;
}

static int add_release(struct initrd *initrd, const char *release, size_t length)
{
	for (size_t i = 0; i < initrd->release_count; i++)
		if (strncmp(initrd->releases[i], release, length) == 0 &&
			initrd->releases[i][length] == '\0')
			return 0;
	/* initrd_check() already rejects two. */
	if (initrd->release_count == RELEASES_MAX)
		return 0;
	initrd->releases[initrd->release_count] = strndup(release, length);
	if (!initrd->releases[initrd->release_count])
		return -ENOMEM;
	initrd->release_count++;
	return 0;
}

/* Record the module that a file's path ends with: `kernel/fs/ext4/ext4.ko.xz`. */
static int add_module(struct initrd *initrd, const char *path)
{
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	const char *suffix = strstr(base, ".ko");
	char name[256];
	size_t length;

	if (!suffix || (suffix[3] != '\0' && suffix[3] != '.'))
		return 0;
	length = (size_t)(suffix - base);
	if (length == 0 || length >= sizeof(name))
		return 0;
	for (size_t i = 0; i < length; i++)
		name[i] = base[i] == '-' ? '_' : base[i];
	return strset_add(&initrd->modules, name, length);
}

/* Start copying an index file, if this is one. Returns 1 if its content is wanted. */
static int begin_index_file(struct reading *reading, const char *file, uint64_t size)
{
	struct initrd *initrd = reading->initrd;
	int r = 0;

	if (!modindex_wants(file))
		return 0;
	if (size > MODINDEX_MAX)
		return refuse(-ERR_REFUSED,
			"%s: its %s has %llu bytes, and more than %u MiB cannot be right",
			reading->name, file, (unsigned long long)size, MODINDEX_MAX / MIB);
	if (!initrd->index)
		r = modindex_new(&initrd->index);
	if (r == 0)
		r = modindex_begin(initrd->index, file);
	reading->reported = r < 0;
	return r < 0 ? r : 1;
}

/* An entry below lib/modules/; @path starts after that. Returns 1 if its content is wanted. */
static int on_module_entry(
	struct reading *reading, const char *path, const struct cpio_entry *entry)
{
	struct initrd *initrd = reading->initrd;
	size_t length = strcspn(path, "/");
	int r;

	if (length == 0)
		return 0;
	if (path[length] == '\0' && !S_ISDIR(entry->mode))
		return 0;
	r = add_release(initrd, path, length);
	if (r < 0 || path[length] == '\0' || !S_ISREG(entry->mode))
		return r;
	path += length + 1;

	/* Of several hard links only the last has the content. */
	if (entry->size > 0 || entry->links > 1) {
		r = add_module(initrd, path);
		if (r < 0)
			return r;
	}
	/* With a second release the check fails anyway: its index must not replace the first's. */
	if (initrd->release_count > 1)
		return 0;
	return begin_index_file(reading, path, entry->size);
}

static int on_entry(void *data, const struct cpio_entry *entry)
{
	struct reading *reading = data;
	const char *path = strip(entry->path), *name = normalize(path);
	int r;

	reading->link = NULL;
	r = strset_add(&reading->initrd->paths, path, strlen(path));
	if (r == 0)
		r = begin_link(reading, path, entry);
	if (r == 0 && strncmp(name, "lib/modules/", 12) == 0)
		r = on_module_entry(reading, name + 12, entry);
	if (r == -ERR_TOO_LARGE)
		return refuse(-ERR_REFUSED, "%s: contains more file names than any initrd does",
			reading->name);
	return r;
}

static int on_content(void *data, const uint8_t *bytes, size_t size)
{
	struct reading *reading = data;
	int r;

	if (reading->link) {
		char *target = reading->link->target;

		/* Its size was checked. */
		strncat(target, (const char *)bytes, size);
		memmove(target, strip(target), strlen(strip(target)) + 1);
		return 0;
	}
	r = modindex_write(reading->initrd->index, bytes, size);
	reading->reported = r < 0;
	return r;
}

static void on_segment(void *data, const char *format)
{
	struct initrd *initrd = ((struct reading *)data)->initrd;

	if (!format)
		return;
	initrd->packing = format;
	for (size_t i = 0; i < initrd->packing_count; i++)
		if (strcmp(initrd->packings[i], format) == 0)
			return;
	if (initrd->packing_count < PACKINGS_MAX)
		initrd->packings[initrd->packing_count++] = format;
}

/* Make sure that libkmod can read what was copied for it. */
static int check_index(struct initrd *initrd, const char *name)
{
	int r = initrd->index ? modindex_check(initrd->index) : 0;

	if (r == -ERR_DAMAGED)
		return refuse(-ERR_REFUSED,
			"%s: the initrd's module index (modules.dep.bin or similar) is damaged",
			name);
	if (r == -ENOENT) {
		modindex_free(initrd->index);
		initrd->index = NULL;
		return 0;
	}
	return r;
}

int initrd_read(int fd, const char *name, bool (*interrupted)(void *data), void *data,
	struct initrd **ret_initrd)
{
	cleanup(initrd_freep) struct initrd *initrd = calloc(1, sizeof(*initrd));
	struct reading reading = {.initrd = initrd, .name = name};
	const struct segments_reader reader = {.entry = on_entry,
		.content = on_content,
		.segment = on_segment,
		.data = &reading,
		.interrupted = interrupted,
		.interrupted_data = data};
	struct stat st;
	int r;

	if (!initrd)
		return report(-ENOMEM, "%s: cannot read the initrd", name);
	if (fstat(fd, &st) < 0)
		return report(-errno, "%s: cannot read the initrd", name);
	if (!S_ISREG(st.st_mode))
		return refuse(-ERR_REFUSED, "%s: the initrd is not a regular file", name);
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	r = segments_read(fd, name, &reader);
	if (r == 0)
		r = check_index(initrd, name);
	if (r < 0) {
		/* Errors of read(2) or out of memory; everything else has been reported. */
		if (r != -ERR_REFUSED && r != -EINTR && !reading.reported)
			return report(r, "%s: cannot read the initrd", name);
		return r;
	}
	strset_sort(&initrd->paths);
	strset_sort(&initrd->modules);

	*ret_initrd = steal_pointer(initrd);
	return 0;
}

void initrd_free(struct initrd *initrd)
{
	if (!initrd)
		return;
	modindex_free(initrd->index);
	for (size_t i = 0; i < initrd->release_count; i++)
		free(initrd->releases[i]);
	strset_clear(&initrd->paths);
	strset_clear(&initrd->modules);
	free(initrd);
}

void initrd_freep(struct initrd **initrd)
{
	initrd_free(*initrd);
}

bool initrd_has(const struct initrd *initrd, const char *path)
{
	char merged[CPIO_NAME_MAX];

	path = normalize(path);
	if (strset_has(&initrd->paths, path))
		return true;
	return snprintf(merged, sizeof(merged), "usr/%s", path) < (int)sizeof(merged) &&
	       strset_has(&initrd->paths, merged);
}

bool initrd_has_exactly(const struct initrd *initrd, const char *path)
{
	return strset_has(&initrd->paths, path);
}

int initrd_place(const struct initrd *initrd, const char *path, char *ret_path, size_t size)
{
	const size_t first = strcspn(path, "/");
	const char *slash = strrchr(path, '/'), *target = "";
	char folder[CPIO_NAME_MAX], merged[CPIO_NAME_MAX + 4];

	for (size_t i = 0; i < initrd->link_count; i++) {
		const struct link *link = &initrd->links[i];

		if (strlen(link->name) == first && memcmp(link->name, path, first) == 0)
			target = link->target;
	}
	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) : 0, path);
	snprintf(merged, sizeof(merged), "usr/%s", folder);
	if (*target)
		path += first;
	else if (*folder && !strset_has(&initrd->paths, folder) &&
		 strset_has(&initrd->paths, merged))
		target = "usr/";
	return snprintf(ret_path, size, "%s%s", target, path) < (int)size ? 0 : -ERR_TOO_LARGE;
}

struct walk {
	const char *start;
	int (*found)(void *data, const char *path);
	void *data;
};

static int on_path(void *data, const char *path)
{
	const struct walk *walk = data;
	const char *name = normalize(path);

	return strncmp(name, walk->start, strlen(walk->start)) == 0 ? walk->found(walk->data, name)
								    : 0;
}

int initrd_walk(const struct initrd *initrd, const char *start,
	int (*found)(void *data, const char *path), void *data)
{
	struct walk walk = {.start = start, .found = found, .data = data};

	return strset_walk(&initrd->paths, on_path, &walk);
}

const char *initrd_packing(const struct initrd *initrd)
{
	return initrd->packing;
}

size_t initrd_packings(const struct initrd *initrd, const char *const **ret_formats)
{
	*ret_formats = initrd->packings;
	return initrd->packing_count;
}

bool initrd_has_module(const struct initrd *initrd, const char *module)
{
	char name[256];
	size_t i;

	for (i = 0; module[i] != '\0' && i < sizeof(name) - 1; i++)
		name[i] = module[i] == '-' ? '_' : module[i];
	name[i] = '\0';
	return strset_has(&initrd->modules, name);
}

size_t initrd_releases(const struct initrd *initrd, const char *const **ret_releases)
{
	*ret_releases = (const char *const *)initrd->releases;
	return initrd->release_count;
}

const char *initrd_module_index(const struct initrd *initrd)
{
	return initrd->index ? modindex_path(initrd->index) : NULL;
}

int initrd_check(const struct initrd *initrd, const char *name, const char *release)
{
	int r = 0;

	if (!initrd_has(initrd, "scripts/live") || !initrd_has(initrd, "lib/live/boot")) {
		if (initrd_has(initrd, "lib/dracut") || initrd_has(initrd, "etc/cmdline.d"))
			log_error("%s: the initrd was made by dracut, which is not supported yet: "
				  "use initramfs-tools",
				name);
		else
			log_error("%s: the initrd has no live-boot: install "
				  "live-boot-initramfs-tools "
				  "and run " INITRD_BUILD,
				name, release);
		r = -ERR_REFUSED;
	}
	for (size_t i = 0; i < initrd->release_count; i++) {
		if (strcmp(initrd->releases[i], release) == 0)
			continue;
		log_error("%s: the initrd has modules for %s, but the kernel is %s", name,
			initrd->releases[i], release);
		r = -ERR_REFUSED;
	}
	if (initrd->release_count == 0) {
		log_error("%s: the initrd has no modules: run " INITRD_BUILD, name, release);
		r = -ERR_REFUSED;
	}
	return r;
}
