/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Small initrds made here: each compression, several segments, each length of them, each bit.
 */

#include "initrd/initrd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "archive.h"
#include "said.h"

#include <bzlib.h>
#include <dirent.h>
#include <endian.h>
#include <lz4.h>
#include <lzma.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

#define RELEASE "6.1.0-99-amd64"
#define MODULES "usr/lib/modules/" RELEASE

static char folder[] = "/tmp/liveng-test-XXXXXX";

/* Entries as mkinitramfs leaves them. */
static struct bytes make_archive(const char *release)
{
	static const struct index_line dep[] = {{"usb_storage", "kernel/usb-storage.ko:"}};
	cleanup(bytes_clear) struct bytes index = {0};
	struct bytes archive = {0};
	char path[256];

	index_make(&index, dep, 1);
	cpio_add_folder(&archive, ".");
	cpio_add(&archive, "bin", 0120777, "usr/bin", 7);
	cpio_add_file(&archive, "init", "#!/bin/sh\n");
	cpio_add_folder(&archive, "scripts");
	cpio_add_file(&archive, "scripts/live", "#!/bin/sh\n");
	cpio_add_folder(&archive, "usr/lib/live/boot");
	cpio_add_file(&archive, "usr/sbin/cryptsetup",
		"\x7f"
		"ELF");
	snprintf(path, sizeof(path), "usr/lib/modules/%s", release);
	cpio_add_folder(&archive, path);
	snprintf(path, sizeof(path), "usr/lib/modules/%s/kernel/usb-storage.ko", release);
	cpio_add_file(&archive, path,
		"\x7f"
		"ELF");
	snprintf(path, sizeof(path), "usr/lib/modules/%s/kernel/dm-crypt.ko.xz", release);
	cpio_add_file(&archive, path,
		"\xfd"
		"7zXZ");
	snprintf(path, sizeof(path), "usr/lib/modules/%s/modules.dep.bin", release);
	cpio_add(&archive, path, 0100644, index.data, index.size);
	cpio_end(&archive);
	return archive;
}

static struct bytes pack_none(const struct bytes *in)
{
	struct bytes out = {0};

	append_bytes(&out, in);
	return out;
}

static struct bytes pack_gzip(const struct bytes *in)
{
	struct bytes out = {0};
	z_stream z = {0};

	append(&out, NULL, in->size + 1000);
	deflateInit2(&z, 6, Z_DEFLATED, 16 + 15, 8, Z_DEFAULT_STRATEGY);
	z.next_in = in->data;
	z.avail_in = (uInt)in->size;
	z.next_out = out.data;
	z.avail_out = (uInt)out.size;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	out.size = z.total_out;
	deflateEnd(&z);
	return out;
}

static struct bytes pack_zstd(const struct bytes *in)
{
	struct bytes out = {0};
	ZSTD_CCtx *context = ZSTD_createCCtx();

	append(&out, NULL, in->size + 1000);
	ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
	out.size = ZSTD_compress2(context, out.data, out.size, in->data, in->size);
	assert_false(ZSTD_isError(out.size));
	ZSTD_freeCCtx(context);
	return out;
}

static struct bytes pack_xz_with(const struct bytes *in, lzma_check check)
{
	struct bytes out = {0};
	size_t size = 0;

	append(&out, NULL, in->size + 1000);
	assert_int_equal(lzma_easy_buffer_encode(
				 6, check, NULL, in->data, in->size, out.data, &size, out.size),
		LZMA_OK);
	out.size = size;
	return out;
}

static struct bytes pack_xz(const struct bytes *in)
{
	return pack_xz_with(in, LZMA_CHECK_CRC32);
}

static struct bytes pack_lzma(const struct bytes *in)
{
	struct bytes out = {0};
	lzma_stream lzma = LZMA_STREAM_INIT;
	lzma_options_lzma options;

	append(&out, NULL, in->size + 1000);
	lzma_lzma_preset(&options, 6);
	assert_int_equal(lzma_alone_encoder(&lzma, &options), LZMA_OK);
	lzma.next_in = in->data;
	lzma.avail_in = in->size;
	lzma.next_out = out.data;
	lzma.avail_out = out.size;
	assert_int_equal(lzma_code(&lzma, LZMA_FINISH), LZMA_STREAM_END);
	out.size = (size_t)lzma.total_out;
	lzma_end(&lzma);
	return out;
}

static struct bytes pack_bzip2(const struct bytes *in)
{
	struct bytes out = {0};
	unsigned int size;

	append(&out, NULL, in->size + 1000);
	size = (unsigned int)out.size;
	assert_int_equal(BZ2_bzBuffToBuffCompress((char *)out.data, &size, (char *)in->data,
				 (unsigned int)in->size, 9, 0, 0),
		BZ_OK);
	out.size = size;
	return out;
}

/* The legacy format: blocks of 8 MiB, each preceded by its size. */
static struct bytes pack_lz4(const struct bytes *in)
{
	const size_t block = 8u * MIB;
	struct bytes out = {0};

	append(&out, "\x02\x21\x4c\x18", 4);
	for (size_t at = 0; at < in->size; at += block) {
		size_t n = MIN(block, in->size - at), size_at = out.size;
		int room = LZ4_compressBound((int)n), size;

		append(&out, NULL, 4 + (size_t)room);
		size = LZ4_compress_default(
			(const char *)in->data + at, (char *)out.data + size_at + 4, (int)n, room);
		out.size = size_at + 4 + (size_t)size;
		for (unsigned int i = 0; i < 4; i++)
			out.data[size_at + i] = (uint8_t)((unsigned int)size >> 8 * i);
	}
	return out;
}

/* @covered: every bit from this byte of the stream on is checked. lz4 and lzma have no checksum. */
static const struct packer {
	const char *name;
	struct bytes (*pack)(const struct bytes *in);
	size_t covered;
} packers[] = {
	{"none", pack_none, SIZE_MAX},
	{"gzip", pack_gzip, 10},
	{"zstd", pack_zstd, 4},
	{"xz", pack_xz, 0},
	{"lz4", pack_lz4, SIZE_MAX},
	{"lzma", pack_lzma, SIZE_MAX},
	{"bzip2", pack_bzip2, 4},
};

static int read_with(const struct bytes *file, bool (*interrupted)(void *), struct initrd **ret)
{
	autoclose int fd = file_with(file->data, file->size);
	int old = begin_listening(), r = initrd_read(fd, "initrd.img", interrupted, NULL, ret);

	end_listening(old);
	assert_int_equal(said_count, r == -ERR_REFUSED ? 1 : 0);
	return r;
}

static int try_read(const struct bytes *file)
{
	cleanup(initrd_freep) struct initrd *initrd = NULL;

	return read_with(file, NULL, &initrd);
}

static struct initrd *must_read(const struct bytes *file)
{
	struct initrd *initrd = NULL;

	if (read_with(file, NULL, &initrd) < 0)
		fail_msg("refused: %s", said);
	return initrd;
}

static void assert_refused(const struct bytes *file, const char *why)
{
	assert_int_equal(try_read(file), -ERR_REFUSED);
	if (!strstr(said, why))
		fail_msg("said \"%s\" instead of \"%s\"", said, why);
}

static void every_compression_is_read(void **state)
{
	cleanup(bytes_clear) struct bytes archive = make_archive(RELEASE);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
		cleanup(bytes_clear) struct bytes file = packers[i].pack(&archive);
		cleanup(initrd_freep) struct initrd *initrd = must_read(&file);
		const char *const *releases;

		assert_true(initrd_has(initrd, "scripts/live"));
		assert_true(initrd_has_module(initrd, "usb-storage"));
		assert_int_equal(initrd_releases(initrd, &releases), 1);
		assert_string_equal(releases[0], RELEASE);
		assert_int_equal(initrd_check(initrd, "initrd.img", RELEASE), 0);
	}
}

static void every_shorter_file_is_refused(void **state)
{
	cleanup(bytes_clear) struct bytes archive = make_archive(RELEASE);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
		cleanup(bytes_clear) struct bytes file = packers[i].pack(&archive);

		for (file.size--; file.size > 0; file.size--)
			if (try_read(&file) != -ERR_REFUSED)
				fail_msg("%s of %zu bytes was read", packers[i].name, file.size);
	}
}

static void flipped_bits_are_refused(void **state)
{
	cleanup(bytes_clear) struct bytes archive = make_archive(RELEASE);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
		cleanup(bytes_clear) struct bytes file = packers[i].pack(&archive);
		size_t unnoticed = 0;

		/* Without a checksum it is enough that nothing crashes. */
		for (size_t at = 0; at < file.size; at += packers[i].covered == SIZE_MAX ? 7 : 1) {
			int r;

			file.data[at] ^= 0x04;
			r = try_read(&file);
			assert_true(r == 0 || r == -ERR_REFUSED);
			unnoticed += r == 0 && at >= packers[i].covered;
			file.data[at] ^= 0x04;
		}
		/* Codes that nothing uses may have any length: the content stays the same. */
		if (unnoticed > file.size / 100)
			fail_msg("%s: %zu of %zu bytes can be changed", packers[i].name, unnoticed,
				file.size);
	}
}

static void segments_may_follow_each_other(void **state)
{
	cleanup(bytes_clear) struct bytes archive = make_archive(RELEASE), file = {0}, early = {0};

	(void)state;
	cpio_add_folder(&early, "kernel");
	cpio_add_file(&early, "kernel/x86/microcode/GenuineIntel.bin", "microcode");
	cpio_end(&early);
	align_to(&early, 512);

	for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
		cleanup(bytes_clear) struct bytes packed = packers[i].pack(&archive);

		append_bytes(&file, &early);
		append(&file, NULL, 1024);
		append_bytes(&file, &packed);
		/* lz4 takes four zeros for the end of the stream, and nothing else. */
		append(&file, NULL, i % 2 == 0 ? 4 : 512);
		align_to(&file, 4);
	}
	{
		cleanup(initrd_freep) struct initrd *initrd = must_read(&file);

		assert_true(initrd_has(initrd, "kernel/x86/microcode/GenuineIntel.bin"));
		assert_true(initrd_has(initrd, "scripts/live"));
	}
	/* Also without any padding after a compressed one. */
	file.size = 0;
	for (size_t i = 1; i < ARRAY_SIZE(packers); i++) {
		cleanup(bytes_clear) struct bytes packed = packers[i].pack(&archive);

		if (strcmp(packers[i].name, "lz4") != 0)
			append_bytes(&file, &packed);
	}
	assert_int_equal(try_read(&file), 0);
}

/* As `bootconfig -a` attaches one. */
static void append_bootconfig(struct bytes *file)
{
	static const char text[] = "kernel.quiet = 1\n";
	uint32_t size, sum = 0, words[2];

	align_to(file, 4);
	append(file, text, sizeof(text));
	append(file, NULL, (4 - sizeof(text) % 4) % 4);
	size = (sizeof(text) + 3) / 4 * 4;
	for (size_t i = 0; i < sizeof(text); i++)
		sum += (uint8_t)text[i];
	words[0] = htole32(size);
	words[1] = htole32(sum);
	append(file, words, sizeof(words));
	append(file, "#BOOTCONFIG\n", 12);
}

static void a_boot_configuration_is_skipped(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
		cleanup(bytes_clear) struct bytes archive = make_archive(RELEASE);
		cleanup(bytes_clear) struct bytes file = packers[i].pack(&archive);

		append_bootconfig(&file);
		assert_int_equal(try_read(&file), 0);
		append(&file, NULL, 3);
		assert_int_equal(try_read(&file), 0);
		file.data[file.size - 3 - 12 - 8 - 8] ^= 1;
		assert_refused(&file, "boot configuration at its end is damaged");
	}
}

static void archives_may_follow_each_other_in_one_stream(void **state)
{
	cleanup(bytes_clear) struct bytes archive = make_archive(RELEASE), stream = {0}, more = {0};

	(void)state;
	append_bytes(&stream, &archive);
	align_to(&stream, 512);
	cpio_add_file(&more, "later", "");
	cpio_end(&more);
	append_bytes(&stream, &more);
	for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
		cleanup(bytes_clear) struct bytes file = packers[i].pack(&stream);
		cleanup(initrd_freep) struct initrd *initrd = must_read(&file);

		assert_true(initrd_has(initrd, "later"));
	}
	/* The second one without its end; something after it. */
	stream.size -= 8;
	for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
		cleanup(bytes_clear) struct bytes file = packers[i].pack(&stream);

		assert_refused(&file, "truncated");
	}
	stream.size += 8;
	append(&stream, "x", 1);
	for (size_t i = 1; i < ARRAY_SIZE(packers); i++) {
		cleanup(bytes_clear) struct bytes file = packers[i].pack(&stream);

		assert_refused(&file, "after the cpio archive");
	}
}

static void an_archive_must_not_span_two_streams(void **state)
{
	cleanup(bytes_clear) struct bytes archive = make_archive(RELEASE);
	struct bytes front = {archive.data, 400}, back = {archive.data + 400, archive.size - 400};
	cleanup(bytes_clear) struct bytes file = pack_gzip(&front), second = pack_gzip(&back);

	(void)state;
	append_bytes(&file, &second);
	assert_refused(&file, "truncated");
}

static void garbage_is_refused(void **state)
{
	cleanup(bytes_clear) struct bytes archive = make_archive(RELEASE);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
		cleanup(bytes_clear) struct bytes file = packers[i].pack(&archive);
		char place[64];

		append(&file, NULL, 100);
		assert_int_equal(try_read(&file), 0);
		snprintf(place, sizeof(place), "at byte %zu", file.size);
		append(&file, "garbage", 7);
		assert_refused(&file, place);
	}
}

static void memory_for_unpacking_is_bounded(void **state)
{
	cleanup(bytes_clear) struct bytes archive = make_archive(RELEASE),
					  file = pack_lzma(&archive);

	(void)state;
	/* A dictionary of 1 GiB. */
	memcpy(file.data + 1, "\0\0\0\x40", 4);
	assert_refused(&file, "more than 128 MiB");
}

static void files_that_are_not_an_initrd_are_refused(void **state)
{
	cleanup(bytes_clear) struct bytes archive = make_archive(RELEASE), file = {0};
	cleanup(bytes_clear) struct bytes xz = pack_xz_with(&archive, LZMA_CHECK_CRC64);

	(void)state;
	assert_refused(&file, "empty");
	append(&file, NULL, 5000);
	assert_refused(&file, "empty");
	memcpy(file.data, "hello", 5);
	assert_refused(&file, "not an initrd");
	memcpy(file.data, "\x04\x22\x4d\x18", 4);
	assert_refused(&file, "lz4 -l");
	memcpy(file.data, "\x89LZO", 4);
	assert_refused(&file, "lzo");
	/* The kernel's unpacker has no CRC-64. */
	assert_refused(&xz, "--check=crc32");
}

/* Blocks of 8 MiB are unpacked over themselves. */
static void large_lz4_blocks_are_read(void **state)
{
	cleanup(bytes_clear) struct bytes archive = {0}, noise = {0};
	uint32_t x = 1;

	(void)state;
	append(&noise, NULL, 20u * MIB);
	for (size_t i = 0; i < noise.size; i++) {
		x = x * 1664525u + 1013904223u;
		/* Some of it is compressible, some is not. */
		noise.data[i] = (i >> 20) % 3 == 0 ? (uint8_t)(x >> 24) : (uint8_t)(x >> 30);
	}
	cpio_add(&archive, MODULES "/modules.dep.bin", 0100644, noise.data, 10u * MIB);
	cpio_add(&archive, "noise", 0100644, noise.data, noise.size);
	cpio_add_file(&archive, "last", "");
	cpio_end(&archive);
	{
		cleanup(bytes_clear) struct bytes file = pack_lz4(&archive);

		/* The output is examined: it was noise. */
		assert_refused(&file, "module index");
	}
	memcpy(archive.data + 110, "x", 1);
	{
		cleanup(bytes_clear) struct bytes file = pack_lz4(&archive);
		cleanup(initrd_freep) struct initrd *initrd = must_read(&file);

		assert_true(initrd_has(initrd, "last"));
	}
}

static void paths_are_found_on_merged_usr_too(void **state)
{
	cleanup(bytes_clear) struct bytes archive = make_archive(RELEASE), old = {0};
	cleanup(initrd_freep) struct initrd *initrd = must_read(&archive), *other = NULL;

	(void)state;
	assert_true(initrd_has(initrd, "sbin/cryptsetup"));
	assert_true(initrd_has(initrd, "init"));
	assert_true(initrd_has(initrd, "lib/modules/" RELEASE));
	assert_false(initrd_has(initrd, "cryptsetup"));
	assert_false(initrd_has(initrd, "sbin/cryptsetup2"));
	assert_false(initrd_has(initrd, ""));

	cpio_add_file(&old, "./sbin/cryptsetup", "");
	cpio_add_file(&old, "/lib/modules/5.10.0/kernel/fs/ext4.ko.zst", "x");
	cpio_end(&old);
	other = must_read(&old);
	assert_true(initrd_has(other, "sbin/cryptsetup"));
	assert_true(initrd_has_module(other, "ext4"));
	assert_null(initrd_module_index(other));
}

static void modules_are_found_by_name(void **state)
{
	cleanup(bytes_clear) struct bytes archive = make_archive(RELEASE);
	cleanup(initrd_freep) struct initrd *initrd = must_read(&archive);

	(void)state;
	assert_true(initrd_has_module(initrd, "usb-storage"));
	assert_true(initrd_has_module(initrd, "usb_storage"));
	assert_true(initrd_has_module(initrd, "dm_crypt"));
	assert_false(initrd_has_module(initrd, "usb"));
	assert_false(initrd_has_module(initrd, "usb_storage.ko"));
	assert_false(initrd_has_module(initrd, "modules.dep.bin"));
}

static void an_empty_file_is_not_a_module(void **state)
{
	cleanup(bytes_clear) struct bytes archive = {0};
	cleanup(initrd_freep) struct initrd *initrd = NULL;

	(void)state;
	cpio_add_file(&archive, MODULES "/kernel/empty.ko", "");
	cpio_add_folder(&archive, MODULES "/kernel/folder.ko");
	cpio_add_file(&archive, "tmp/elsewhere.ko", "x");
	cpio_end(&archive);
	initrd = must_read(&archive);
	assert_false(initrd_has_module(initrd, "empty"));
	assert_false(initrd_has_module(initrd, "folder"));
	assert_false(initrd_has_module(initrd, "elsewhere"));
}

static unsigned int files_in(const char *path)
{
	DIR *d = opendir(path);
	unsigned int n = 0;

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void index_is_private_and_removed(void **state)
{
	cleanup(bytes_clear) struct bytes archive = make_archive(RELEASE);
	struct initrd *initrd = must_read(&archive);
	char path[256];
	struct stat st;

	(void)state;
	snprintf(path, sizeof(path), "%s", initrd_module_index(initrd));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(files_in(path), 1);
	assert_int_equal(files_in(folder), 1);
	initrd_free(initrd);
	assert_int_equal(files_in(folder), 0);

	/* Also if reading fails after it. */
	append(&archive, "garbage", 7);
	assert_int_equal(try_read(&archive), -ERR_REFUSED);
	assert_int_equal(files_in(folder), 0);
}

/* Only files with our own names are created, in our own folder. */
static void no_path_leads_out_of_the_index(void **state)
{
	static const char *const paths[] = {
		"lib/modules/../modules.dep.bin",
		"lib/modules/" RELEASE "/../modules.dep.bin",
		"lib/modules/" RELEASE "/../../../../../tmp/modules.dep.bin",
		"lib/modules/" RELEASE "/modules.dep.bin/../modules.alias.bin",
		"lib/modules//modules.dep.bin",
		"../modules.dep.bin",
		"lib/modules/" RELEASE "/modules.dep",
		"lib/modules/" RELEASE "/modules.dep.bin/",
	};
	cleanup(bytes_clear) struct bytes good = make_archive(RELEASE);
	unsigned int before = files_in("/tmp");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		cleanup(bytes_clear) struct bytes file = {0};
		cleanup(initrd_freep) struct initrd *initrd = NULL;

		append_bytes(&file, &good);
		cpio_add_file(&file, paths[i], "hello");
		cpio_end(&file);
		/* A second release named ".." is kept apart, everything else is not an index
		 * file. */
		initrd = must_read(&file);
		assert_int_equal(files_in(folder), 1);
		assert_int_equal(files_in(initrd_module_index(initrd)), 1);
	}
	assert_true(files_in("/tmp") <= before + 1);
}

static void later_index_replaces_an_earlier_one(void **state)
{
	cleanup(bytes_clear) struct bytes good = make_archive(RELEASE), file = {0};

	(void)state;
	cpio_add_file(&file, MODULES "/modules.dep.bin", "nonsense");
	cpio_end(&file);
	assert_refused(&file, "damaged");
	append_bytes(&file, &good);
	assert_int_equal(try_read(&file), 0);
}

static void damaged_index_is_refused(void **state)
{
	cleanup(bytes_clear) struct bytes index = {0};
	static const struct index_line lines[] = {
		{"ext4", "kernel/fs/ext4.ko: kernel/fs/jbd2.ko"}, {"jbd2", "kernel/fs/jbd2.ko:"}};

	(void)state;
	index_make(&index, lines, ARRAY_SIZE(lines));
	for (size_t size = 0; size <= index.size; size++) {
		cleanup(bytes_clear) struct bytes file = {0};

		cpio_add(&file, MODULES "/modules.dep.bin", 0100644, index.data, size);
		cpio_end(&file);
		assert_int_equal(try_read(&file), size == index.size ? 0 : -ERR_REFUSED);
	}
}

/* depmod's index of no module at all, and the empty file that it leaves for a kernel without
 * modules.builtin.modinfo. */
static void empty_index_is_allowed(void **state)
{
	static const uint8_t nothing[] = {0xb0, 0x07, 0xf4, 0x57, 0, 2, 0, 1, 0, 0, 0, 12};
	cleanup(bytes_clear) struct bytes file = {0};

	(void)state;
	cpio_add(&file, MODULES "/modules.dep.bin", 0100644, nothing, sizeof(nothing));
	cpio_add(&file, MODULES "/modules.builtin.alias.bin", 0100644, NULL, 0);
	cpio_end(&file);
	assert_int_equal(try_read(&file), 0);
}

/* A header that claims more than there is room for. */
static void impossible_sizes_are_refused(void **state)
{
	static const struct {
		size_t at;
		const char *value;
		const char *why;
	} cases[] = {
		{54, "FFFFFFFF", "more than"},	    /* an index file of 4 GiB */
		{54, "00FFFFFF", "truncated"},	    /* within the bound, but not there */
		{94, "00000000", "no cpio header"}, /* no name */
		{94, "00001001", "no cpio header"}, /* a name longer than PATH_MAX */
		{94, "FFFFFFFF", "no cpio header"},
		{94, "0000000g", "no cpio header"},
		{0, "07070100", "no cpio header"},
		{0, "070707", "no cpio header"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup(bytes_clear) struct bytes file = {0};

		cpio_add_file(&file, MODULES "/modules.dep.bin", "x");
		cpio_end(&file);
		memcpy(file.data + cases[i].at, cases[i].value, strlen(cases[i].value));
		if (cases[i].at == 0 && strlen(cases[i].value) == 8)
			file.data[6] = 'x';
		assert_refused(&file, cases[i].why);
	}
}

static void too_many_names_are_refused(void **state)
{
	cleanup(bytes_clear) struct bytes entries = {0}, file = {0}, packed = {0};
	char path[2048];

	(void)state;
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	for (unsigned int i = 0; i < 1024; i++)
		cpio_add(&entries, path, 0100644, NULL, 0);
	for (unsigned int i = 0; i < 5; i++)
		append_bytes(&file, &entries);
	cpio_end(&file);
	packed = pack_zstd(&file);
	assert_refused(&packed, "file names");
}

static bool always(void *data)
{
	(void)data;
	return true;
}

static void reading_can_be_interrupted(void **state)
{
	cleanup(bytes_clear) struct bytes archive = make_archive(RELEASE);
	struct initrd *initrd = NULL;

	(void)state;
	assert_int_equal(read_with(&archive, always, &initrd), -EINTR);
	assert_null(initrd);
}

static int check(const struct bytes *file, const char *release)
{
	cleanup(initrd_freep) struct initrd *initrd = must_read(file);
	int old = begin_listening(), r = initrd_check(initrd, "initrd.img", release);

	end_listening(old);
	return r;
}

static void initrd_must_fit_the_kernel(void **state)
{
	cleanup(bytes_clear) struct bytes file = make_archive(RELEASE),
					  other = make_archive("6.2.0");

	(void)state;
	assert_int_equal(check(&file, RELEASE), 0);
	assert_int_equal(check(&file, "6.1.0-99"), -ERR_REFUSED);
	assert_int_equal(said_count, 1);
	assert_non_null(strstr(said, "modules for " RELEASE ", but the kernel is 6.1.0-99"));
	/* The right ones, followed by others. */
	append_bytes(&file, &other);
	assert_int_equal(check(&file, RELEASE), -ERR_REFUSED);
	assert_non_null(strstr(said, "6.2.0"));
}

static void initrd_must_have_live_boot_and_modules(void **state)
{
	cleanup(bytes_clear) struct bytes plain = {0}, dracut = {0};

	(void)state;
	cpio_add_folder(&plain, MODULES);
	cpio_end(&plain);
	assert_int_equal(check(&plain, RELEASE), -ERR_REFUSED);
	assert_int_equal(said_count, 1);
	assert_non_null(strstr(said, "live-boot"));

	cpio_add_folder(&dracut, MODULES);
	cpio_add_folder(&dracut, "usr/lib/dracut");
	cpio_end(&dracut);
	assert_int_equal(check(&dracut, RELEASE), -ERR_REFUSED);
	assert_non_null(strstr(said, "dracut"));

	plain.size = 0;
	cpio_add_file(&plain, "scripts/live", "x");
	cpio_add_folder(&plain, "lib/live/boot");
	cpio_add_folder(&plain, "lib/modules");
	cpio_end(&plain);
	assert_int_equal(check(&plain, RELEASE), -ERR_REFUSED);
	assert_int_equal(said_count, 1);
	assert_non_null(strstr(said, "no modules"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_compression_is_read),
		cmocka_unit_test(every_shorter_file_is_refused),
		cmocka_unit_test(flipped_bits_are_refused),
		cmocka_unit_test(segments_may_follow_each_other),
		cmocka_unit_test(a_boot_configuration_is_skipped),
		cmocka_unit_test(archives_may_follow_each_other_in_one_stream),
		cmocka_unit_test(an_archive_must_not_span_two_streams),
		cmocka_unit_test(garbage_is_refused),
		cmocka_unit_test(files_that_are_not_an_initrd_are_refused),
		cmocka_unit_test(memory_for_unpacking_is_bounded),
		cmocka_unit_test(large_lz4_blocks_are_read),
		cmocka_unit_test(paths_are_found_on_merged_usr_too),
		cmocka_unit_test(modules_are_found_by_name),
		cmocka_unit_test(an_empty_file_is_not_a_module),
		cmocka_unit_test(index_is_private_and_removed),
		cmocka_unit_test(no_path_leads_out_of_the_index),
		cmocka_unit_test(later_index_replaces_an_earlier_one),
		cmocka_unit_test(damaged_index_is_refused),
		cmocka_unit_test(empty_index_is_allowed),
		cmocka_unit_test(impossible_sizes_are_refused),
		cmocka_unit_test(too_many_names_are_refused),
		cmocka_unit_test(reading_can_be_interrupted),
		cmocka_unit_test(initrd_must_fit_the_kernel),
		cmocka_unit_test(initrd_must_have_live_boot_and_modules),
	};
	int r;

	if (!mkdtemp(folder))
		return 1;
	setenv("TMPDIR", folder, 1);
	r = cmocka_run_group_tests_name("initrd", tests, NULL, NULL);
	rmdir(folder);
	return r;
}
