/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "initrd.h"

#include "cpio.h"
#include "log.h"
#include "modindex.h"
#include "names.h"
#include "source.h"
#include "unpack.h"
#include "util.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Bounds for what a hostile file may make us keep and do. */
#define RELEASES_MAX 8u
#define INDEX_MAX    (16u * MIB)
#define CONTENT_MAX  (4u * (uint64_t)1024 * MIB)

struct initrd {
	struct names paths;   /* without "usr/" in front; sorted when all are read */
	struct names modules; /* plain names with `_`; sorted too */
	char *releases[RELEASES_MAX];
	size_t release_count;
	struct modindex *index; /* NULL: it has none */
};

/* The reading of one initrd. */
struct reading {
	struct initrd *initrd;
	const char *name;
	struct source source;
	struct cpio_reader cpio;
	const char *format; /* of the segment being read; NULL: not compressed */
	uint64_t segment;   /* where it starts in the file */
	uint64_t unpacked;  /* bytes so far, of all segments */
	bool reported;	    /* what ended the reading has been said */
};

/* The path as initrd_has() wants it: no "./" or "/" in front, and on merged-/usr no "usr/". */
static const char *normalize(const char *path)
{
	for (;;) {
		if (path[0] == '/')
			path++;
		else if (path[0] == '.' && path[1] == '/')
			path += 2;
		else
			break;
	}
	return strncmp(path, "usr/", 4) == 0 ? path + 4 : path;
}

static int add_release(struct initrd *initrd, const char *release, size_t length)
{
	for (size_t i = 0; i < initrd->release_count; i++)
		if (strncmp(initrd->releases[i], release, length) == 0 &&
			initrd->releases[i][length] == '\0')
			return 0;
	/* Two are already more than initrd_check() lets pass. */
	if (initrd->release_count == RELEASES_MAX)
		return 0;
	initrd->releases[initrd->release_count] = strndup(release, length);
	if (!initrd->releases[initrd->release_count])
		return -ENOMEM;
	initrd->release_count++;
	return 0;
}

/* Note the module that the path of a file ends with: `kernel/fs/ext4/ext4.ko.xz`. */
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
	return names_add(&initrd->modules, name, length);
}

/* Begin to copy an index file, if this is one. Returns 1 if its content is wanted. */
static int begin_index_file(struct reading *reading, const char *file, uint64_t size)
{
	struct initrd *initrd = reading->initrd;
	int r = 0;

	if (!modindex_wants(file))
		return 0;
	if (size > INDEX_MAX) {
		log_error("%s: its %s has %llu bytes, more than %u MiB cannot be right",
			reading->name, file, (unsigned long long)size, INDEX_MAX / MIB);
		return -ERR_REFUSED;
	}
	if (!initrd->index)
		r = modindex_new(&initrd->index);
	if (r == 0)
		r = modindex_begin(initrd->index, file);
	reading->reported = r < 0;
	return r < 0 ? r : 1;
}

/* An entry below lib/modules/; @path starts behind that. Returns 1 if its content is wanted. */
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

	/* Of hard links only the last has the content. */
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
	const char *path = normalize(entry->path);
	int r;

	r = names_add(&reading->initrd->paths, path, strlen(path));
	if (r == 0 && strncmp(path, "lib/modules/", 12) == 0)
		r = on_module_entry(reading, path + 12, entry);
	if (r == -EFBIG) {
		log_error("%s: it holds more file names than any initrd does", reading->name);
		return -ERR_REFUSED;
	}
	return r;
}

static int on_content(void *data, const uint8_t *bytes, size_t size)
{
	struct reading *reading = data;
	int r = modindex_write(reading->initrd->index, bytes, size);

	reading->reported = r < 0;
	return r;
}

/* Say what is wrong with the content of the current segment. */
static int bad_content(const struct reading *reading, uint64_t offset, const char *what)
{
	if (reading->format)
		log_error(
			"%s: the initrd is damaged: the %s archive at byte %llu holds, at byte %llu "
			"of its content, %s",
			reading->name, reading->format, (unsigned long long)reading->segment,
			(unsigned long long)offset, what);
	else
		log_error("%s: the initrd is damaged: at byte %llu there is %s", reading->name,
			(unsigned long long)(reading->segment + offset), what);
	return -ERR_REFUSED;
}

static int cut_short(const struct reading *reading)
{
	log_error("%s: the initrd is cut short: it ends at byte %llu, within the %s archive that "
		  "starts at byte %llu",
		reading->name, (unsigned long long)reading->source.offset,
		reading->format ? reading->format : "cpio", (unsigned long long)reading->segment);
	return -ERR_REFUSED;
}

/* The unpacker's output goes into the cpio reader. */
static int on_unpacked(void *data, const uint8_t *bytes, size_t size)
{
	struct reading *reading = data;
	size_t used;
	int r;

	/* A few MiB can be made to unpack for days. */
	reading->unpacked += size;
	if (reading->unpacked > CONTENT_MAX) {
		log_error("%s: it unpacks to more than %llu GiB, which no initrd does",
			reading->name, (unsigned long long)(CONTENT_MAX / MIB / 1024));
		return -ERR_REFUSED;
	}
	r = cpio_feed(&reading->cpio, bytes, size, &used);
	if (r == -EBADMSG)
		return bad_content(reading, reading->cpio.offset, "no cpio header");
	if (r < 0)
		return r;
	if (used < size)
		return bad_content(
			reading, reading->cpio.offset, "something behind the cpio archive");
	return 0;
}

static int read_packed(struct reading *reading, const struct unpack_format *format)
{
	int r = unpack(format, &reading->source, on_unpacked, reading);

	switch (r) {
	case 0:
		/* lz4 has no mark for its end: what is missing shows here. */
		if (!cpio_is_whole(&reading->cpio))
			return cut_short(reading);
		return 0;
	case -ENODATA:
		return cut_short(reading);
	case -EBADMSG:
		log_error(
			"%s: the initrd is damaged: the %s archive that starts at byte %llu cannot be "
			"unpacked at byte %llu",
			reading->name, reading->format, (unsigned long long)reading->segment,
			(unsigned long long)reading->source.offset);
		return -ERR_REFUSED;
	case -EFBIG:
		log_error(
			"%s: unpacking the %s archive at byte %llu takes more than 128 MiB of memory: "
			"compress it with a lower level",
			reading->name, reading->format, (unsigned long long)reading->segment);
		return -ERR_REFUSED;
	case -EOPNOTSUPP:
		log_error(
			"%s: the kernel cannot unpack the xz archive at byte %llu: compress it with "
			"`xz --check=crc32`",
			reading->name, (unsigned long long)reading->segment);
		return -ERR_REFUSED;
	default:
		return r;
	}
}

/* cpio archives that are not compressed, up to what is none. */
static int read_plain(struct reading *reading)
{
	for (;;) {
		const uint8_t *bytes;
		size_t size, used;
		int r = source_peek(&reading->source, 1, &bytes, &size);

		if (r < 0)
			return r;
		if (size == 0)
			return cpio_is_whole(&reading->cpio) ? 0 : cut_short(reading);
		r = cpio_feed(&reading->cpio, bytes, size, &used);
		if (r == -EBADMSG)
			return bad_content(reading, reading->cpio.offset, "no cpio header");
		if (r < 0)
			return r;
		source_take(&reading->source, used);
		if (used < size)
			return 0;
	}
}

static int unknown_segment(const struct reading *reading, const uint8_t *head, size_t size)
{
	if (size >= 4 && memcmp(head, "\x04\x22\x4d\x18", 4) == 0)
		log_error(
			"%s: the kernel cannot unpack the lz4 archive at byte %llu: compress it with "
			"`lz4 -l`",
			reading->name, (unsigned long long)reading->source.offset);
	else if (size >= 4 && memcmp(head, "\x89LZO", 4) == 0)
		log_error(
			"%s: the initrd is compressed with lzo, which is not supported: choose another "
			"COMPRESS in /etc/initramfs-tools/initramfs.conf",
			reading->name);
	else if (reading->source.offset == 0)
		log_error("%s: this is no initrd", reading->name);
	else
		log_error(
			"%s: the initrd is damaged: at byte %llu there is neither a cpio archive nor a "
			"compressed one",
			reading->name, (unsigned long long)reading->source.offset);
	return -ERR_REFUSED;
}

/* Read segment after segment to the file's end. */
static int read_segments(struct reading *reading)
{
	struct source *source = &reading->source;
	bool seen = false;

	for (;;) {
		const struct unpack_format *format;
		const uint8_t *bytes;
		size_t size, zeros = 0;
		int r = source_peek(source, 6, &bytes, &size);

		if (r < 0)
			return r;
		if (size == 0)
			break;
		while (zeros < size && bytes[zeros] == 0)
			zeros++;
		if (zeros > 0) {
			source_take(source, zeros);
			continue;
		}

		reading->segment = source->offset;
		reading->cpio = (struct cpio_reader){
			.entry = on_entry, .content = on_content, .data = reading};
		format = unpack_detect(bytes, size);
		reading->format = format ? unpack_name(format) : NULL;
		if (format)
			r = read_packed(reading, format);
		else if (bytes[0] == '0' && source->offset % 4 == 0)
			r = read_plain(reading);
		else
			r = unknown_segment(reading, bytes, size);
		if (r < 0)
			return r;
		seen = true;
	}
	if (!seen) {
		log_error("%s: the initrd is empty", reading->name);
		return -ERR_REFUSED;
	}
	return 0;
}

/* See that libkmod can read what was copied for it. */
static int check_index(struct initrd *initrd, const char *name)
{
	int r = initrd->index ? modindex_check(initrd->index) : 0;

	if (r == -EBADMSG) {
		log_error("%s: the initrd's list of modules (modules.dep.bin and kin) is damaged",
			name);
		return -ERR_REFUSED;
	}
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
	autofree struct reading *reading = calloc(1, sizeof(*reading));
	struct stat st;
	int r;

	if (!initrd || !reading)
		return -ENOMEM;
	reading->initrd = initrd;
	reading->name = name;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode)) {
		log_error("%s: the initrd is not a plain file", name);
		return -ERR_REFUSED;
	}
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	r = source_open(&reading->source, fd, 0, interrupted, data);
	if (r < 0)
		return r;
	r = read_segments(reading);
	source_close(&reading->source);
	if (r == 0)
		r = check_index(initrd, name);
	if (r < 0) {
		/* What read(2), the memory or the user ended; all else has been reported. */
		if (r != -ERR_REFUSED && r != -EINTR && !reading->reported) {
			errno = -r;
			log_error("%s: cannot read the initrd: %m", name);
		}
		return r;
	}
	names_sort(&initrd->paths);
	names_sort(&initrd->modules);

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
	names_clear(&initrd->paths);
	names_clear(&initrd->modules);
	free(initrd);
}

void initrd_freep(struct initrd **initrd)
{
	initrd_free(*initrd);
}

bool initrd_has(const struct initrd *initrd, const char *path)
{
	return names_has(&initrd->paths, normalize(path));
}

bool initrd_has_module(const struct initrd *initrd, const char *module)
{
	char name[256];
	size_t i;

	for (i = 0; module[i] != '\0' && i < sizeof(name) - 1; i++)
		name[i] = module[i] == '-' ? '_' : module[i];
	name[i] = '\0';
	return names_has(&initrd->modules, name);
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
	bool found = false;
	int r = 0;

	if (!initrd_has(initrd, "scripts/live") || !initrd_has(initrd, "lib/live/boot")) {
		if (initrd_has(initrd, "lib/dracut") || initrd_has(initrd, "etc/cmdline.d"))
			log_error("%s: the initrd was made by dracut, which is not supported yet: "
				  "use initramfs-tools",
				name);
		else
			log_error(
				"%s: the initrd has no live-boot: install live-boot-initramfs-tools "
				"and run `update-initramfs -u -k %s`",
				name, release);
		r = -ERR_REFUSED;
	}
	for (size_t i = 0; i < initrd->release_count; i++) {
		if (strcmp(initrd->releases[i], release) == 0) {
			found = true;
			continue;
		}
		log_error("%s: the initrd has modules of %s, the kernel is %s", name,
			initrd->releases[i], release);
		r = -ERR_REFUSED;
	}
	if (!found && initrd->release_count == 0) {
		log_error("%s: the initrd has no modules: run `update-initramfs -c -k %s`", name,
			release);
		r = -ERR_REFUSED;
	}
	if (!found && initrd->release_count > 0)
		r = -ERR_REFUSED;
	return r;
}
