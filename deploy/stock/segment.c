/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "segment.h"

#include <bzlib.h>
#include <lz4hc.h>
#include <lzma.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

#include "base/file.h"
#include "base/util.h"
#include "initrd/cpio.h"

/* lz4's legacy format, the only one that the kernel reads. */
#define LZ4_MAGIC 0x184c2102u
#define LZ4_BLOCK (8u * MIB)

/* The numbers need only differ from each other: nothing here is linked twice. */
#define FIRST_INODE 0x100000u

struct segment {
	uint8_t *bytes;
	size_t size;
	size_t room;
	uint32_t inode; /* of the next entry */
};

/* A growing buffer, too: for what a library compresses. */
static int grow(struct segment *segment, size_t more)
{
	size_t room = MAX(segment->room * 2, (size_t)MIB);
	uint8_t *bytes;

	if (segment->room - segment->size >= more)
		return 0;
	room = MAX(room, segment->size + more);
	bytes = realloc(segment->bytes, room);
	if (!bytes)
		return -ENOMEM;
	segment->bytes = bytes;
	segment->room = room;
	return 0;
}

int segment_new(struct segment **ret_segment)
{
	struct segment *segment = calloc(1, sizeof(*segment));

	if (!segment)
		return -ENOMEM;
	segment->inode = FIRST_INODE;
	*ret_segment = segment;
	return 0;
}

void segment_free(struct segment *segment)
{
	if (!segment)
		return;
	free(segment->bytes);
	free(segment);
}

void segment_freep(struct segment **segment)
{
	segment_free(*segment);
}

size_t segment_size(const struct segment *segment)
{
	return segment->size;
}

/* The next bytes, then zeros up to a multiple of 4. There is room. */
static void put(struct segment *segment, const void *bytes, size_t size)
{
	size_t end = (size_t)ROUND_UP(segment->size + size, 4);

	if (size > 0)
		memcpy(segment->bytes + segment->size, bytes, size);
	memset(segment->bytes + segment->size + size, 0, end - segment->size - size);
	segment->size = end;
}

int segment_add(
	struct segment *segment, const char *path, mode_t mode, const void *bytes, size_t size)
{
	const size_t name_size = strlen(path) + 1;
	char head[CPIO_HEADER + CPIO_NAME_MAX + 1];
	int r;

	if (name_size > CPIO_NAME_MAX || size > UINT32_MAX)
		return -ERR_TOO_LARGE;
	r = grow(segment, CPIO_HEADER + name_size + size + 8);
	if (r < 0)
		return r;
	/* inode, mode, uid, gid, links, mtime, size, two device numbers, size of the name, sum. */
	snprintf(head, sizeof(head),
		"070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x%s", segment->inode++,
		(unsigned int)mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name_size, 0, path);
	put(segment, head, CPIO_HEADER + name_size);
	put(segment, bytes, size);
	return 0;
}

static int pack_zstd(const struct segment *plain, struct segment *packed)
{
	size_t bound = ZSTD_compressBound(plain->size), n;
	int r = grow(packed, bound);

	if (r < 0)
		return r;
	n = ZSTD_compress(packed->bytes, bound, plain->bytes, plain->size, 9);
	if (ZSTD_isError(n))
		return -ERR_TOOL;
	packed->size = n;
	return 0;
}

static int pack_gzip(const struct segment *plain, struct segment *packed)
{
	z_stream stream = {.next_in = plain->bytes, .avail_in = (uInt)plain->size};
	uLong bound;
	int r, code;

	if (plain->size > UINT32_MAX)
		return -ERR_TOO_LARGE;
	if (deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	bound = deflateBound(&stream, plain->size);
	r = grow(packed, bound);
	if (r == 0) {
		stream.next_out = packed->bytes;
		stream.avail_out = (uInt)bound;
		code = deflate(&stream, Z_FINISH);
		packed->size = stream.total_out;
		r = code == Z_STREAM_END ? 0 : -ERR_TOOL;
	}
	(void)deflateEnd(&stream);
	return r;
}

int segment_gzip(const void *bytes, size_t size, void **ret_packed, size_t *ret_size)
{
	const struct segment plain = {.bytes = (uint8_t *)bytes, .size = size};
	struct segment packed = {.bytes = NULL};
	int r = pack_gzip(&plain, &packed);

	if (r < 0) {
		free(packed.bytes);
		return r;
	}
	*ret_packed = packed.bytes;
	*ret_size = packed.size;
	return 0;
}

static int run_lzma(lzma_stream *stream, const struct segment *plain, struct segment *packed)
{
	lzma_ret code = LZMA_OK;
	int r = 0;

	stream->next_in = plain->bytes;
	stream->avail_in = plain->size;
	while (r == 0 && code == LZMA_OK) {
		r = grow(packed, MIB);
		if (r < 0)
			break;
		stream->next_out = packed->bytes + packed->size;
		stream->avail_out = packed->room - packed->size;
		code = lzma_code(stream, LZMA_FINISH);
		packed->size = packed->room - stream->avail_out;
	}
	lzma_end(stream);
	if (r < 0)
		return r;
	return code == LZMA_STREAM_END ? 0 : code == LZMA_MEM_ERROR ? -ENOMEM : -ERR_TOOL;
}

/* The kernel knows no other check (Linux, Documentation/staging/xz.rst). */
static int pack_xz(const struct segment *plain, struct segment *packed)
{
	lzma_stream stream = LZMA_STREAM_INIT;

	if (lzma_easy_encoder(&stream, 6, LZMA_CHECK_CRC32) != LZMA_OK)
		return -ENOMEM;
	return run_lzma(&stream, plain, packed);
}

static int pack_lzma(const struct segment *plain, struct segment *packed)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	lzma_options_lzma options;

	if (lzma_lzma_preset(&options, 6) || lzma_alone_encoder(&stream, &options) != LZMA_OK)
		return -ENOMEM;
	return run_lzma(&stream, plain, packed);
}

static int pack_lz4(const struct segment *plain, struct segment *packed)
{
	const uint32_t magic = htole32(LZ4_MAGIC);
	int r = grow(packed, sizeof(magic));

	if (r < 0)
		return r;
	memcpy(packed->bytes, &magic, sizeof(magic));
	packed->size = sizeof(magic);
	for (size_t done = 0; done < plain->size; done += LZ4_BLOCK) {
		int size = (int)MIN(plain->size - done, (size_t)LZ4_BLOCK);
		int bound = LZ4_compressBound(size), n;
		uint32_t n_le;

		r = grow(packed, (size_t)bound + sizeof(n_le));
		if (r < 0)
			return r;
		n = LZ4_compress_HC((const char *)plain->bytes + done,
			(char *)packed->bytes + packed->size + sizeof(n_le), size, bound,
			LZ4HC_CLEVEL_DEFAULT);
		if (n <= 0)
			return -ERR_TOOL;
		n_le = htole32((uint32_t)n);
		memcpy(packed->bytes + packed->size, &n_le, sizeof(n_le));
		packed->size += sizeof(n_le) + (size_t)n;
	}
	return 0;
}

static int pack_bzip2(const struct segment *plain, struct segment *packed)
{
	unsigned int bound = (unsigned int)(plain->size + plain->size / 64 + 1024);
	int r, code;

	if (plain->size > UINT32_MAX / 2)
		return -ERR_TOO_LARGE;
	r = grow(packed, bound);
	if (r < 0)
		return r;
	code = BZ2_bzBuffToBuffCompress((char *)packed->bytes, &bound, (char *)plain->bytes,
		(unsigned int)plain->size, 9, 0, 0);
	packed->size = bound;
	return code == BZ_OK ? 0 : code == BZ_MEM_ERROR ? -ENOMEM : -ERR_TOOL;
}

static const struct {
	const char *name;
	int (*pack)(const struct segment *plain, struct segment *packed);
} formats[] = {
	{"zstd", pack_zstd},
	{"gzip", pack_gzip},
	{"xz", pack_xz},
	{"lz4", pack_lz4},
	{"lzma", pack_lzma},
	{"bzip2", pack_bzip2},
};

/* At least four zeros come first: in the legacy format of lz4 that is a block of no size, its end.
 */
static int append(int fd, const struct segment *segment)
{
	const uint8_t zeros[4 + 3] = {0};
	struct stat st;
	uint64_t end, start;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	end = (uint64_t)st.st_size;
	start = ROUND_UP(end + 4, 4);
	r = file_write(fd, zeros, (size_t)(start - end), end);
	return r < 0 ? r : file_write(fd, segment->bytes, segment->size, start);
}

int segment_append(struct segment *segment, const char *format, int fd)
{
	cleanup(segment_freep) struct segment *packed = NULL;
	int r = segment_add(segment, "TRAILER!!!", 0, NULL, 0);

	if (r == 0 && !format)
		return append(fd, segment);
	if (r == 0)
		r = segment_new(&packed);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(formats); i++) {
		if (strcmp(formats[i].name, format) != 0)
			continue;
		r = formats[i].pack(segment, packed);
		return r < 0 ? r : append(fd, packed);
	}
	return r < 0 ? r : -ERR_UNSUPPORTED;
}
