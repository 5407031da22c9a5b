/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "unpack.h"

#include <assert.h>
#include <bzlib.h>
#include <lz4.h>
#include <lzma.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/util.h"

#define OUT_SIZE (128u * 1024u)

/* xz -9 needs 65 MiB; zstd's own limit is a window of 128 MiB. */
#define MEMORY_MAX (128u * 1024u * 1024u)

/* lz4's legacy format, the only one the kernel supports: a magic number, then blocks, each preceded
 * by its size, each unpacking to 8 MiB (the last to less). Nothing marks the end. */
#define LZ4_MAGIC 0x184c2102u
#define LZ4_BLOCK (8 * 1024 * 1024)
/* The room lz4 needs to unpack a block over itself (lz4.h, "in-place decompression"). */
#define LZ4_IN_PLACE (LZ4_BLOCK + (LZ4_COMPRESSBOUND(LZ4_BLOCK) >> 8) + 32)

static_assert(LZ4_IN_PLACE >= LZ4_COMPRESSBOUND(LZ4_BLOCK), "a block and its margin fit");

union state {
	z_stream zlib;
	lzma_stream lzma;
	bz_stream bzip2;
	ZSTD_DStream *zstd;
};

/* The input and output of one step, which advances both. */
struct step {
	const uint8_t *in;
	size_t in_size;
	uint8_t *out;
	size_t out_size;
};

struct unpack_format {
	const char *name;
	uint8_t magic[6];
	size_t magic_size;
	int (*open)(union state *state);
	int (*step)(union state *state, struct step *step); /* 1: the stream's end */
	void (*close)(union state *state);
};

static int gzip_open(union state *state)
{
	/* 16: a gzip header and trailer, whose CRC-32 and length zlib checks. */
	return inflateInit2(&state->zlib, 16 + MAX_WBITS) == Z_OK ? 0 : -ENOMEM;
}

static int gzip_step(union state *state, struct step *step)
{
	z_stream *z = &state->zlib;
	int r;

	z->next_in = (Bytef *)step->in;
	z->avail_in = (uInt)step->in_size;
	z->next_out = step->out;
	z->avail_out = (uInt)step->out_size;
	r = inflate(z, Z_NO_FLUSH);
	step->in_size = z->avail_in;
	step->out_size = z->avail_out;
	if (r == Z_STREAM_END)
		return 1;
	if (r == Z_MEM_ERROR)
		return -ENOMEM;
	return r == Z_OK || r == Z_BUF_ERROR ? 0 : -ERR_DAMAGED;
}

static void gzip_close(union state *state)
{
	inflateEnd(&state->zlib);
}

static int xz_open(union state *state)
{
	state->lzma = (lzma_stream)LZMA_STREAM_INIT;
	return lzma_stream_decoder(&state->lzma, MEMORY_MAX, LZMA_TELL_ANY_CHECK) == LZMA_OK
		       ? 0
		       : -ENOMEM;
}

static int lzma_open(union state *state)
{
	state->lzma = (lzma_stream)LZMA_STREAM_INIT;
	return lzma_alone_decoder(&state->lzma, MEMORY_MAX) == LZMA_OK ? 0 : -ENOMEM;
}

static int lzma_step(union state *state, struct step *step)
{
	lzma_stream *lzma = &state->lzma;
	lzma_ret r;

	lzma->next_in = step->in;
	lzma->avail_in = step->in_size;
	lzma->next_out = step->out;
	lzma->avail_out = step->out_size;
	r = lzma_code(lzma, LZMA_RUN);
	step->in_size = lzma->avail_in;
	step->out_size = lzma->avail_out;
	switch (r) {
	case LZMA_OK:
	case LZMA_BUF_ERROR:
		return 0;
	case LZMA_STREAM_END:
		return 1;
	case LZMA_GET_CHECK:
		/* The kernel's decompressor supports no other check
		 * (Documentation/staging/xz.rst). */
		return lzma_get_check(lzma) <= LZMA_CHECK_CRC32 ? 0 : -ERR_UNSUPPORTED;
	case LZMA_MEM_ERROR:
		return -ENOMEM;
	case LZMA_MEMLIMIT_ERROR:
		return -ERR_TOO_LARGE;
	default:
		return -ERR_DAMAGED;
	}
}

static void lzma_close(union state *state)
{
	lzma_end(&state->lzma);
}

static int bzip2_open(union state *state)
{
	return BZ2_bzDecompressInit(&state->bzip2, 0, 0) == BZ_OK ? 0 : -ENOMEM;
}

static int bzip2_step(union state *state, struct step *step)
{
	bz_stream *bz = &state->bzip2;
	int r;

	bz->next_in = (char *)step->in;
	bz->avail_in = (unsigned int)step->in_size;
	bz->next_out = (char *)step->out;
	bz->avail_out = (unsigned int)step->out_size;
	r = BZ2_bzDecompress(bz);
	step->in_size = bz->avail_in;
	step->out_size = bz->avail_out;
	if (r == BZ_STREAM_END)
		return 1;
	if (r == BZ_MEM_ERROR)
		return -ENOMEM;
	return r == BZ_OK ? 0 : -ERR_DAMAGED;
}

static void bzip2_close(union state *state)
{
	BZ2_bzDecompressEnd(&state->bzip2);
}

static int zstd_open(union state *state)
{
	state->zstd = ZSTD_createDStream();
	return state->zstd ? 0 : -ENOMEM;
}

static int zstd_step(union state *state, struct step *step)
{
	ZSTD_inBuffer in = {.src = step->in, .size = step->in_size};
	ZSTD_outBuffer out = {.dst = step->out, .size = step->out_size};
	size_t r = ZSTD_decompressStream(state->zstd, &out, &in);

	step->in_size -= in.pos;
	step->out_size -= out.pos;
	if (!ZSTD_isError(r))
		return r == 0;
	/* Short of its unstable interface, zstd distinguishes its errors by name only. */
	if (strstr(ZSTD_getErrorName(r), "too much memory"))
		return -ERR_TOO_LARGE;
	return -ERR_DAMAGED;
}

static void zstd_close(union state *state)
{
	ZSTD_freeDStream(state->zstd);
}

static const struct unpack_format formats[] = {
	{"gzip", {0x1f, 0x8b}, 2, gzip_open, gzip_step, gzip_close},
	{"zstd", {0x28, 0xb5, 0x2f, 0xfd}, 4, zstd_open, zstd_step, zstd_close},
	{"xz", {0xfd, '7', 'z', 'X', 'Z', 0}, 6, xz_open, lzma_step, lzma_close},
	{"lz4", {0x02, 0x21, 0x4c, 0x18}, 4, NULL, NULL, NULL},
	{"lzma", {0x5d, 0, 0}, 3, lzma_open, lzma_step, lzma_close},
	{"bzip2", {'B', 'Z', 'h'}, 3, bzip2_open, bzip2_step, bzip2_close},
};

const struct unpack_format *unpack_detect(const uint8_t *head, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (size >= formats[i].magic_size &&
			memcmp(head, formats[i].magic, formats[i].magic_size) == 0)
			return &formats[i];
	return NULL;
}

const char *unpack_name(const struct unpack_format *format)
{
	return format->name;
}

/* Copy @size bytes of the source to @buffer. */
static int read_all(struct instream *source, uint8_t *buffer, size_t size)
{
	while (size > 0) {
		const uint8_t *bytes;
		size_t n;
		int r = instream_peek(source, 1, &bytes, &n);

		if (r < 0)
			return r;
		if (n == 0)
			return -ERR_SHORT;
		n = MIN(n, size);
		memcpy(buffer, bytes, n);
		instream_take(source, n);
		buffer += n;
		size -= n;
	}
	return 0;
}

static int unpack_lz4(struct instream *source, unpack_sink sink, void *data)
{
	autofree uint8_t *buffer = malloc(LZ4_IN_PLACE);

	if (!buffer)
		return -ENOMEM;
	for (;;) {
		const uint8_t *bytes;
		size_t n;
		uint32_t size;
		int r = instream_peek(source, 4, &bytes, &n);

		if (r < 0)
			return r;
		/* The kernel takes the end of the file, or a size of 0 (padding), for the end of
		 * the stream. */
		if (n == 0)
			return 0;
		if (n < 4)
			return memcmp(bytes, "\0\0\0", n) == 0 ? 0 : -ERR_SHORT;
		size = bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
		       (uint32_t)bytes[3] << 24;
		if (size == 0)
			return 0;
		if (size != LZ4_MAGIC && size > LZ4_COMPRESSBOUND(LZ4_BLOCK))
			return -ERR_DAMAGED;
		instream_take(source, 4);
		if (size == LZ4_MAGIC)
			continue;

		/* Unpack the block over itself: it is at the end of the buffer, so reading stays
		 * ahead of writing. A block crafted to break that corrupts only its own content. */
		r = read_all(source, buffer + LZ4_IN_PLACE - size, size);
		if (r < 0)
			return r;
		r = LZ4_decompress_safe((const char *)buffer + LZ4_IN_PLACE - size, (char *)buffer,
			(int)size, LZ4_BLOCK);
		if (r < 0)
			return -ERR_DAMAGED;
		r = sink(data, buffer, (size_t)r);
		if (r < 0)
			return r;
	}
}

static int unpack_stream(const struct unpack_format *format, union state *state,
	struct instream *source, unpack_sink sink, void *data)
{
	autofree uint8_t *out = malloc(OUT_SIZE);

	if (!out)
		return -ENOMEM;
	for (;;) {
		struct step step = {.out = out, .out_size = OUT_SIZE};
		size_t n, used, made;
		int r, end;

		r = instream_peek(source, 1, &step.in, &n);
		if (r < 0)
			return r;
		step.in_size = n;
		end = format->step(state, &step);
		used = n - step.in_size;
		made = OUT_SIZE - step.out_size;
		instream_take(source, used);
		if (end < 0)
			return end;
		if (made > 0) {
			r = sink(data, out, made);
			if (r < 0)
				return r;
		}
		if (end == 1)
			return 0;
		if (used == 0 && made == 0)
			return n == 0 ? -ERR_SHORT : -ERR_DAMAGED;
	}
}

int unpack(
	const struct unpack_format *format, struct instream *source, unpack_sink sink, void *data)
{
	union state state;
	int r;

	if (!format->step)
		return unpack_lz4(source, sink, data);
	memset(&state, 0, sizeof(state));
	r = format->open(&state);
	if (r < 0)
		return r;
	r = unpack_stream(format, &state, source, sink, data);
	format->close(&state);
	return r;
}
