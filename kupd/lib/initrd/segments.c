/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "segments.h"

#include <endian.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/util.h"
#include "instream.h"
#include "unpack.h"

/* A bound on the work a hostile file can cause. */
#define CONTENT_MAX (4u * (uint64_t)1024 * MIB)

/* A boot configuration at the end of the file, which the kernel cuts off before unpacking (Linux,
 * Documentation/admin-guide/bootconfig.rst): its text, then this. */
#define BOOTCONFIG_MAGIC "#BOOTCONFIG\n"
#define BOOTCONFIG_MAX	 32768u /* XBC_DATA_MAX, bytes of the text */

struct bootconfig_trailer {
	uint32_t size;	   /* of the text, bytes, including padding */
	uint32_t checksum; /* the sum of its bytes */
	char magic[12];
} __attribute__((packed));

/* The state of reading one initrd. */
struct reading {
	const char *name;
	const struct segments_reader *reader;
	struct instream source;
	struct cpio_reader cpio;
	const char *format; /* of the segment being read; NULL: not compressed */
	uint64_t segment;   /* where it starts in the file */
	uint64_t unpacked;  /* bytes so far, of all segments */
};

/* Report what is wrong with the content of the current segment. */
static int bad_content(const struct reading *reading, uint64_t offset, const char *what)
{
	if (reading->format)
		return refuse(-ERR_REFUSED,
			"%s: the initrd is damaged: the %s archive at byte %llu has, at byte "
			"%llu of its content, %s",
			reading->name, reading->format, (unsigned long long)reading->segment,
			(unsigned long long)offset, what);
	return refuse(-ERR_REFUSED, "%s: the initrd is damaged: at byte %llu there is %s",
		reading->name, (unsigned long long)(reading->segment + offset), what);
}

static int cut_short(const struct reading *reading)
{
	return refuse(-ERR_REFUSED,
		"%s: the initrd is truncated: it ends at byte %llu, within the %s archive that "
		"starts at byte %llu",
		reading->name, (unsigned long long)reading->source.offset,
		reading->format ? reading->format : "cpio", (unsigned long long)reading->segment);
}

/* Feed the decompressor's output into the cpio reader. */
static int on_unpacked(void *data, const uint8_t *bytes, size_t size)
{
	struct reading *reading = data;
	size_t used;
	int r;

	/* A few MiB can be crafted to unpack for days. */
	reading->unpacked += size;
	if (reading->unpacked > CONTENT_MAX)
		return refuse(-ERR_REFUSED,
			"%s: unpacks to more than %llu GiB, which no initrd does", reading->name,
			(unsigned long long)(CONTENT_MAX / MIB / 1024));
	r = cpio_feed(&reading->cpio, bytes, size, &used);
	if (r == -ERR_DAMAGED)
		return bad_content(reading, reading->cpio.offset, "no cpio header");
	if (r < 0)
		return r;
	if (used < size)
		return bad_content(
			reading, reading->cpio.offset, "something after the cpio archive");
	return 0;
}

static int read_packed(struct reading *reading, const struct unpack_format *format)
{
	int r = unpack(format, &reading->source, on_unpacked, reading);

	switch (r) {
	case 0:
		/* lz4 has no end mark: a missing part shows up here. */
		if (!cpio_is_whole(&reading->cpio))
			return cut_short(reading);
		return 0;
	case -ERR_SHORT:
		return cut_short(reading);
	case -ERR_DAMAGED:
		return refuse(-ERR_REFUSED,
			"%s: the initrd is damaged: the %s archive that starts at byte %llu "
			"cannot be unpacked at byte %llu",
			reading->name, reading->format, (unsigned long long)reading->segment,
			(unsigned long long)reading->source.offset);
	case -ERR_TOO_LARGE:
		return refuse(-ERR_REFUSED,
			"%s: unpacking the %s archive at byte %llu takes more than 128 MiB of "
			"memory: compress it at a lower level",
			reading->name, reading->format, (unsigned long long)reading->segment);
	case -ERR_UNSUPPORTED:
		return refuse(-ERR_REFUSED,
			"%s: the kernel cannot unpack the xz archive at byte %llu: compress it "
			"with `xz --check=crc32`",
			reading->name, (unsigned long long)reading->segment);
	default:
		return r;
	}
}

/* Read uncompressed cpio archives, up to anything that is not one. */
static int read_plain(struct reading *reading)
{
	for (;;) {
		const uint8_t *bytes;
		size_t size, used;
		int r = instream_peek(&reading->source, 1, &bytes, &size);

		if (r < 0)
			return r;
		if (size == 0)
			return cpio_is_whole(&reading->cpio) ? 0 : cut_short(reading);
		r = cpio_feed(&reading->cpio, bytes, size, &used);
		if (r == -ERR_DAMAGED)
			return bad_content(reading, reading->cpio.offset, "no cpio header");
		if (r < 0)
			return r;
		instream_take(&reading->source, used);
		if (used < size)
			return 0;
	}
}

static int unknown_segment(const struct reading *reading, const uint8_t *head, size_t size)
{
	if (size >= 4 && memcmp(head, "\x04\x22\x4d\x18", 4) == 0)
		return refuse(-ERR_REFUSED,
			"%s: the kernel cannot unpack the lz4 archive at byte %llu: compress it "
			"with "
			"`lz4 -l`",
			reading->name, (unsigned long long)reading->source.offset);
	if (size >= 4 && memcmp(head, "\x89LZO", 4) == 0)
		return refuse(-ERR_REFUSED,
			"%s: the initrd is compressed with lzo, which is not supported: choose "
			"another "
			"COMPRESS in /etc/initramfs-tools/initramfs.conf",
			reading->name);
	if (reading->source.offset == 0)
		return refuse(-ERR_REFUSED, "%s: is not an initrd", reading->name);
	return refuse(-ERR_REFUSED,
		"%s: the initrd is damaged: at byte %llu there is neither a cpio archive nor a "
		"compressed one",
		reading->name, (unsigned long long)reading->source.offset);
}

/* Read segment after segment to the end of the file. */
static int read_segments(struct reading *reading)
{
	struct instream *source = &reading->source;
	bool seen = false;

	for (;;) {
		const struct unpack_format *format;
		const uint8_t *bytes;
		size_t size, zeros = 0;
		int r = instream_peek(source, 6, &bytes, &size);

		if (r < 0)
			return r;
		if (size == 0)
			break;
		while (zeros < size && bytes[zeros] == 0)
			zeros++;
		if (zeros > 0) {
			instream_take(source, zeros);
			continue;
		}

		reading->segment = source->offset;
		reading->cpio = (struct cpio_reader){.entry = reading->reader->entry,
			.content = reading->reader->content,
			.data = reading->reader->data};
		format = unpack_detect(bytes, size);
		reading->format = format ? unpack_name(format) : NULL;
		if (reading->reader->segment)
			reading->reader->segment(reading->reader->data, reading->format);
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
	if (!seen)
		return refuse(-ERR_REFUSED, "%s: the initrd is empty", reading->name);
	return 0;
}

/* Does a boot configuration end at byte @end? Returns its total size in bytes, 0 if there is none,
 * -ERR_DAMAGED if it is damaged, -errno. */
static int64_t bootconfig_size(int fd, uint64_t end)
{
	struct bootconfig_trailer trailer;
	uint8_t text[BOOTCONFIG_MAX];
	uint32_t checksum = 0, size;

	if (end < sizeof(trailer))
		return 0;
	end -= sizeof(trailer);
	if (pread(fd, &trailer, sizeof(trailer), (off_t)end) != sizeof(trailer))
		return errno ? -errno : -EIO;
	if (memcmp(trailer.magic, BOOTCONFIG_MAGIC, sizeof(trailer.magic)) != 0)
		return 0;
	size = le32toh(trailer.size);
	if (size > BOOTCONFIG_MAX || size > end)
		return -ERR_DAMAGED;
	if (pread(fd, text, size, (off_t)(end - size)) != (ssize_t)size)
		return errno ? -errno : -EIO;
	for (uint32_t i = 0; i < size; i++)
		checksum += text[i];
	return checksum == le32toh(trailer.checksum) ? (int64_t)(size + sizeof(trailer))
						     : -ERR_DAMAGED;
}

/* Where the archives end: at the end of the file, or before its boot configuration, which may be
 * followed by up to 3 bytes of a boot loader's alignment padding. */
static int find_end(int fd, const char *name, uint64_t size, uint64_t *ret_end)
{
	errno = 0;
	for (uint64_t extra = 0; extra < 4 && extra < size; extra++) {
		int64_t n = bootconfig_size(fd, size - extra);

		if (n == -ERR_DAMAGED)
			return refuse(-ERR_REFUSED,
				"%s: the boot configuration at its end is damaged: attach it "
				"again with `bootconfig -a`",
				name);
		if (n < 0)
			return (int)n;
		if (n > 0) {
			*ret_end = size - extra - (uint64_t)n;
			return 0;
		}
	}
	*ret_end = size;
	return 0;
}

int segments_read(int fd, const char *name, const struct segments_reader *reader)
{
	autofree struct reading *reading = calloc(1, sizeof(*reading));
	struct stat st;
	uint64_t end = 0;
	int r;

	if (!reading)
		return -ENOMEM;
	reading->name = name;
	reading->reader = reader;
	if (fstat(fd, &st) < 0)
		return -errno;
	r = find_end(fd, name, (uint64_t)st.st_size, &end);
	if (r == 0)
		r = instream_open(
			&reading->source, fd, end, reader->interrupted, reader->interrupted_data);
	if (r < 0)
		return r;
	r = read_segments(reading);
	instream_close(&reading->source);
	return r;
}
