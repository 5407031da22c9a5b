/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "initrd.h"

#include "cpio.h"
#include "log.h"
#include "source.h"
#include "unpack.h"
#include "util.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Bounds for what a file may make us keep; a real initrd has 100 to 300 KiB of names. */
#define NAMES_MAX    (8u * MIB)
#define RELEASES_MAX 8u
#define INDEX_MAX    (16u * MIB)

/* What libkmod reads, and thus all that is ever created in the index folder. */
static const char *const index_files[] = {
	"modules.alias.bin",
	"modules.builtin.alias.bin",
	"modules.builtin.bin",
	"modules.dep.bin",
	"modules.softdep",
	"modules.symbols.bin",
};

/* Names, one behind the other with their final 0, and where each starts. */
struct names {
	char *text;
	size_t text_size;
	size_t text_room;
	uint32_t *starts;
	size_t count;
	size_t room;
};

struct initrd {
	struct names paths;   /* without "usr/" in front; sorted when all are read */
	struct names modules; /* plain names with `_`; sorted too */
	char *releases[RELEASES_MAX];
	size_t release_count;
	char *index;
	int index_fd;
};

/* The reading of one initrd. */
struct reading {
	struct initrd *initrd;
	const char *name;
	struct source source;
	struct cpio_reader cpio;
	const char *format; /* of the segment being read; NULL: not compressed */
	uint64_t segment;   /* where it starts in the file */
	int index_file;
};

static int names_add(struct names *names, const char *name, size_t length)
{
	if (names->text_size + length + 1 > names->text_room) {
		size_t room = MAX(names->text_room * 2, (size_t)65536);
		char *text;

		if (room > NAMES_MAX)
			return -EFBIG;
		text = realloc(names->text, room);
		if (!text)
			return -ENOMEM;
		names->text = text;
		names->text_room = room;
	}
	if (names->count == names->room) {
		size_t room = MAX(names->room * 2, (size_t)1024);
		uint32_t *starts = reallocarray(names->starts, room, sizeof(starts[0]));

		if (!starts)
			return -ENOMEM;
		names->starts = starts;
		names->room = room;
	}
	names->starts[names->count++] = (uint32_t)names->text_size;
	memcpy(names->text + names->text_size, name, length);
	names->text[names->text_size + length] = '\0';
	names->text_size += length + 1;
	return 0;
}

static int compare_starts(const void *a, const void *b, void *text)
{
	return strcmp((char *)text + *(const uint32_t *)a, (char *)text + *(const uint32_t *)b);
}

static void names_sort(struct names *names)
{
	if (names->count > 0)
		qsort_r(names->starts, names->count, sizeof(names->starts[0]), compare_starts,
			names->text);
}

static bool names_has(const struct names *names, const char *name)
{
	size_t low = 0, high = names->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, names->text + names->starts[middle]);

		if (order == 0)
			return true;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

static void names_free(struct names *names)
{
	free(names->text);
	free(names->starts);
}

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

/* Make the index folder, once. */
static int make_index_folder(struct initrd *initrd)
{
	const char *parent = getenv("TMPDIR");
	autofree char *path = NULL;

	if (initrd->index)
		return 0;
	if (!parent || parent[0] != '/')
		parent = "/tmp";
	if (asprintf(&path, "%s/liveng-initrd-XXXXXX", parent) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (!mkdtemp(path)) {
		int r = -errno;

		log_error("%s: cannot make a temporary folder: %m", parent);
		return r;
	}
	initrd->index = steal_pointer(path);
	initrd->index_fd = open(initrd->index, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (initrd->index_fd < 0) {
		int r = -errno;

		log_error("%s: cannot open the temporary folder: %m", initrd->index);
		return r;
	}
	return 0;
}

/* Begin to copy an index file, if this is one. Returns 1 if its content is wanted. */
static int open_index_file(struct reading *reading, const char *file, uint64_t size)
{
	struct initrd *initrd = reading->initrd;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(index_files); i++) {
		if (strcmp(file, index_files[i]) != 0)
			continue;
		if (size > INDEX_MAX) {
			log_error("%s: its %s has %llu bytes, more than %u MiB cannot be right",
				reading->name, file, (unsigned long long)size, INDEX_MAX / MIB);
			return -ERR_REFUSED;
		}
		r = make_index_folder(initrd);
		if (r < 0)
			return r;
		close_fd(&reading->index_file);
		/* A later file of the same name takes the earlier one's place, as at boot. */
		reading->index_file = openat(initrd->index_fd, index_files[i],
			O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (reading->index_file < 0) {
			r = -errno;
			log_error("%s/%s: cannot create it: %m", initrd->index, index_files[i]);
			return r;
		}
		return 1;
	}
	return 0;
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
	return open_index_file(reading, path, entry->size);
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
		log_error("%s: it holds more than %u MiB of file names, which no initrd does",
			reading->name, NAMES_MAX / MIB);
		return -ERR_REFUSED;
	}
	return r;
}

static int on_content(void *data, const uint8_t *bytes, size_t size)
{
	struct reading *reading = data;

	while (size > 0) {
		ssize_t n = write(reading->index_file, bytes, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			log_error("%s: cannot write: %m", reading->initrd->index);
			/* Not -ENOSPC: that would say that the stick is full. */
			return errno == ENOSPC || errno == EDQUOT ? -EIO : -errno;
		}
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
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
	int r = cpio_feed(&reading->cpio, bytes, size, &used);

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

int initrd_read(int fd, const char *name, bool (*interrupted)(void *data), void *data,
	struct initrd **ret_initrd)
{
	cleanup(initrd_freep) struct initrd *initrd = calloc(1, sizeof(*initrd));
	autofree struct reading *reading = calloc(1, sizeof(*reading));
	struct stat st;
	int r;

	if (!initrd || !reading)
		return -ENOMEM;
	initrd->index_fd = -1;
	reading->initrd = initrd;
	reading->name = name;
	reading->index_file = -1;

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
	close_fd(&reading->index_file);
	if (r < 0) {
		/* What read(2), the memory or the user ended; all else has been reported. */
		if (r != -ERR_REFUSED && r != -EINTR) {
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
	for (size_t i = 0; i < ARRAY_SIZE(index_files); i++)
		if (initrd->index_fd >= 0)
			unlinkat(initrd->index_fd, index_files[i], 0);
	close_fd(&initrd->index_fd);
	if (initrd->index)
		rmdir(initrd->index);
	free(initrd->index);
	for (size_t i = 0; i < initrd->release_count; i++)
		free(initrd->releases[i]);
	names_free(&initrd->paths);
	names_free(&initrd->modules);
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
	return initrd->index;
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
