/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Boot loaders that lie about themselves, and boot catalogs: whatever an image contains, the worst
 * that happens is that it is not used.
 */

#include "boot/efiprogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "boot/datadir.h"
#include "image/eltorito.h"
#include "said.h"

#define SHIM "/usr/lib/shim/shimx64.efi.signed"
#define GRUB "/usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed"

/* Where the PE headers and the section table are, and how much is changed at a time. */
#define HEADERS	 1024u
#define MUTATION 4u

/* A disk in memory: an image of which only the boot record and its catalog matter. */
static uint8_t bytes[64 * ISO_BLOCK];

uint64_t disk_size(const struct disk *disk)
{
	(void)disk;
	return sizeof(bytes);
}

int disk_read(const struct disk *disk, uint64_t offset, void *buffer, size_t size)
{
	(void)disk;
	if (offset > sizeof(bytes) || size > sizeof(bytes) - offset)
		return -ERR_SHORT;
	memcpy(buffer, bytes + offset, size);
	return 0;
}

static void read_file(const char *path, void **ret_data, size_t *ret_size)
{
	assert_int_equal(file_read_whole(path, 16 * MIB, ret_data, ret_size), 0);
}

static void loaders_tell_what_they_are(void **state)
{
	struct efiprogram shim, grub;
	char issuer[EFIPROGRAM_ISSUER];
	void *data;
	size_t size;

	(void)state;
	read_file(SHIM, &data, &size);
	assert_int_equal(efiprogram_read(SHIM, data, size, &shim), 0);
	read_file(GRUB, &data, &size);
	assert_int_equal(efiprogram_read(GRUB, data, size, &grub), 0);

	assert_string_equal(grub.name, "gcdx64.efi.signed");
	assert_string_equal(grub.prefix, "/boot/grub");
	assert_null(shim.prefix);
	assert_true(shim.is_signed && grub.is_signed);
	assert_true(efiprogram_generation(&shim, "shim") >= 4);
	assert_int_equal(efiprogram_generation(&shim, "shi"), 0);
	assert_int_equal(efiprogram_generation(&shim, "grub"), 0);
	assert_true(efiprogram_is_trusted_by(&grub, &shim));
	assert_false(efiprogram_is_trusted_by(&shim, &grub));
	assert_true(efiprogram_issuer(&shim, 0, issuer));
	assert_non_null(strstr(issuer, "Microsoft"));
	assert_false(efiprogram_issuer(&grub, 1, issuer));
	assert_false(efiprogram_issuer(&grub, EFIPROGRAM_SIGNERS, issuer));
	efiprogram_clear(&shim);
	efiprogram_clear(&grub);
}

/* Random bytes in the headers, in the modules' header, in the table of signatures. */
static void mutate(const char *path, uint64_t from, uint64_t to)
{
	void *whole;
	size_t size;

	read_file(path, &whole, &size);
	to = to ? to : size;
	for (unsigned int i = 0; i < 300; i++) {
		struct efiprogram program;
		uint8_t *data = malloc(size);

		assert_non_null(data);
		memcpy(data, whole, size);
		for (unsigned int j = 0; j < MUTATION; j++)
			data[from + (uint64_t)rand() % (to - from)] = (uint8_t)rand();
		if (efiprogram_read("mutated", data, size, &program) == 0)
			efiprogram_clear(&program);
	}
	free(whole);
}

static void liars_do_no_harm(void **state)
{
	int old = begin_listening();

	(void)state;
	srand(1);
	mutate(SHIM, 0, HEADERS);
	mutate(SHIM, 1024 * 1000, 0);
	mutate(GRUB, 0, HEADERS);
	mutate(GRUB, 0x1d000, 0x1d000 + 64);
	end_listening(old);
}

static void every_length_is_survived(void **state)
{
	int old = begin_listening();
	void *whole;
	size_t size;

	(void)state;
	read_file(SHIM, &whole, &size);
	for (size_t length = 0; length < size; length += length < HEADERS ? 7 : 9973) {
		struct efiprogram program;
		void *data = malloc(length + 1);

		assert_non_null(data);
		memcpy(data, whole, length);
		assert_true(efiprogram_read("cut", data, length, &program) < 0);
	}
	free(whole);
	end_listening(old);
}

/* El Torito: the boot record in block 17, its catalog in block @catalog. */
static uint8_t *make_catalog(uint32_t catalog)
{
	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes + 17 * ISO_BLOCK, "\0CD001\1EL TORITO SPECIFICATION", 30);
	bytes[17 * ISO_BLOCK + 0x47] = (uint8_t)catalog;
	bytes[17 * ISO_BLOCK + 0x48] = (uint8_t)(catalog >> 8);
	return catalog < 64 ? bytes + catalog * ISO_BLOCK : NULL;
}

static void the_fat_for_uefi_is_found_after_other_boot_images(void **state)
{
	struct extent extent;
	uint8_t *entries = make_catalog(20);

	(void)state;
	assert_int_equal(eltorito_find_efi(NULL, &extent), -ENOENT);
	entries[0] = 1; /* a PC's BIOS */
	entries[32] = 0x88;
	entries[32 + 8] = 30;
	assert_int_equal(eltorito_find_efi(NULL, &extent), -ENOENT);
	entries[64] = 0x91; /* the last section, UEFI */
	entries[65] = 0xef;
	entries[96] = 0x88;
	entries[96 + 8] = 40;
	assert_int_equal(eltorito_find_efi(NULL, &extent), 0);
	assert_true(extent.start == 40 * ISO_BLOCK && extent.size == 24 * ISO_BLOCK);

	/* As the only platform, without a section. */
	entries = make_catalog(20);
	entries[1] = 0xef;
	entries[32] = 0x88;
	entries[32 + 8] = 63;
	assert_int_equal(eltorito_find_efi(NULL, &extent), 0);
	assert_true(extent.size == ISO_BLOCK);
	entries[32 + 8] = 64;
	assert_int_equal(eltorito_find_efi(NULL, &extent), -ENOENT);
}

static void a_catalog_that_is_nowhere_is_none(void **state)
{
	struct extent extent;

	(void)state;
	make_catalog(64);
	assert_int_equal(eltorito_find_efi(NULL, &extent), -ENOENT);
	make_catalog(65535);
	assert_int_equal(eltorito_find_efi(NULL, &extent), -ENOENT);
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(eltorito_find_efi(NULL, &extent), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loaders_tell_what_they_are),
		cmocka_unit_test(liars_do_no_harm),
		cmocka_unit_test(every_length_is_survived),
		cmocka_unit_test(the_fat_for_uefi_is_found_after_other_boot_images),
		cmocka_unit_test(a_catalog_that_is_nowhere_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
