/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Small kernel images made here: a bzImage that ends with its CRC-32, the same inside a PE file
 * with an Authenticode signature, an arm64 Image.
 */

#include "kernel/kernel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "archive.h"
#include "said.h"

#include <openssl/asn1t.h>
#include <openssl/evp.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>
#include <zlib.h>

#define RELEASE	     "6.1.0-99-amd64"
#define VERSION_TEXT RELEASE " (somebody@somewhere) #1 SMP"

#define SETUP_SIZE (5u * 512u)
#define IMAGE_SIZE (SETUP_SIZE + 1000u * 16u)

/* Where the PE header stands in the images below. */
#define PE_AT	      0x280u
#define CHECKSUM_AT   (PE_AT + 24 + 64)
#define SECURITY_AT   (PE_AT + 24 + 112 + 4 * 8)
#define OPTIONAL_SIZE (112u + 16u * 8u)
#define SECTIONS_AT   (PE_AT + 24 + OPTIONAL_SIZE)

static void put16(struct bytes *image, size_t at, unsigned int value)
{
	image->data[at] = (uint8_t)value;
	image->data[at + 1] = (uint8_t)(value >> 8);
}

static void put32(struct bytes *image, size_t at, uint32_t value)
{
	put16(image, at, value & 0xffffu);
	put16(image, at + 2, value >> 16);
}

static void put_crc(struct bytes *image)
{
	uLong crc = crc32(0, image->data, IMAGE_SIZE - 4);

	put32(image, IMAGE_SIZE - 4, (uint32_t)~crc);
}

/* A PE header with one section: from the setup's end to @end. */
static void put_pe(struct bytes *image, unsigned int machine, uint32_t end)
{
	memcpy(image->data, "MZ", 2);
	put32(image, 0x3c, PE_AT);
	memcpy(image->data + PE_AT, "PE\0\0", 4);
	put16(image, PE_AT + 4, machine);
	put16(image, PE_AT + 6, 1);
	put16(image, PE_AT + 20, OPTIONAL_SIZE);
	put16(image, PE_AT + 24, 0x20b);
	put32(image, PE_AT + 24 + 108, 16);
	memcpy(image->data + SECTIONS_AT, ".text", 5);
	put32(image, SECTIONS_AT + 16, end - SETUP_SIZE);
	put32(image, SECTIONS_AT + 20, SETUP_SIZE);
}

static struct bytes make_bzimage(const char *version)
{
	struct bytes image = {0};

	append(&image, NULL, IMAGE_SIZE);
	for (size_t i = SETUP_SIZE; i < IMAGE_SIZE; i++)
		image.data[i] = (uint8_t)(i * 7 + i / 251);
	image.data[0x1f1] = 4;
	put32(&image, 0x1f4, 1000);
	put16(&image, 0x1fe, 0xaa55);
	memcpy(image.data + 0x202, "HdrS", 4);
	put16(&image, 0x206, 0x020f);
	put16(&image, 0x20e, 0x400);
	memcpy(image.data + 0x600, version, strlen(version) + 1);
	put_pe(&image, 0x8664, IMAGE_SIZE);
	put_crc(&image);
	return image;
}

/* An arm64 Image of this size, with the banner that names its release at @banner. */
static struct bytes make_arm64(uint32_t size, uint32_t banner)
{
	static const char text[] = "Linux version 6.1.0-99-arm64 (somebody@somewhere)";
	struct bytes image = {0};

	append(&image, NULL, size);
	put32(&image, 16, size + 65536);
	memcpy(image.data + 56, "ARM\x64", 4);
	put_pe(&image, 0xaa64, size);
	memcpy(image.data + banner, text, sizeof(text));
	return image;
}

static int read_kernel(const struct bytes *image, struct kernel *kernel)
{
	autoclose int fd = file_with(image->data, image->size);
	int old = begin_listening(), r = kernel_read(fd, "vmlinuz", kernel);

	end_listening(old);
	/* Refused means: with one message that says why. */
	assert_int_equal(said_count, r == -ERR_REFUSED ? 1 : 0);
	return r;
}

static void assert_refused(const struct bytes *image, const char *why)
{
	struct kernel kernel;

	assert_int_equal(read_kernel(image, &kernel), -ERR_REFUSED);
	if (!strstr(said, why))
		fail_msg("said \"%s\" instead of \"%s\"", said, why);
}

static void bzimage_states_its_release(void **state)
{
	cleanup(bytes_clear) struct bytes image = make_bzimage(VERSION_TEXT);
	char release[KERNEL_RELEASE_MAX];
	struct kernel kernel;

	(void)state;
	assert_int_equal(read_kernel(&image, &kernel), 0);
	assert_string_equal(kernel.release, RELEASE);
	assert_string_equal(kernel.machine, "x86");
	assert_false(kernel.is_signed);

	/* On a stick only the head is read. */
	assert_int_equal(kernel_release(image.data, 2048, release), 0);
	assert_string_equal(release, RELEASE);
	assert_int_equal(kernel_release(image.data, 0x604, release), -ERR_FOREIGN);
	assert_int_equal(kernel_release(image.data, 0x100, release), -ERR_FOREIGN);
	assert_int_equal(kernel_release("", 0, release), -ERR_FOREIGN);
}

static void bzimage_with_a_flipped_bit_is_refused(void **state)
{
	cleanup(bytes_clear) struct bytes image = make_bzimage(VERSION_TEXT);
	struct kernel kernel;

	(void)state;
	for (size_t at = 0; at < image.size; at += at < SETUP_SIZE ? 1 : 97) {
		image.data[at] ^= 0x10;
		assert_int_equal(read_kernel(&image, &kernel), -ERR_REFUSED);
		image.data[at] ^= 0x10;
	}
	image.data[SETUP_SIZE + 5] ^= 1;
	assert_refused(&image, "does not match its CRC-32");
}

static void truncated_bzimage_is_refused(void **state)
{
	cleanup(bytes_clear) struct bytes image = make_bzimage(VERSION_TEXT);
	struct kernel kernel;

	(void)state;
	for (size_t cut = 1; cut <= IMAGE_SIZE; cut++) {
		image.size = IMAGE_SIZE - cut;
		assert_int_equal(read_kernel(&image, &kernel), -ERR_REFUSED);
	}
	image.size = 0;
	assert_refused(&image, "empty");
	image.size = IMAGE_SIZE - 1;
	assert_refused(&image, "truncated");
}

static void version_text_is_read_within_its_bounds(void **state)
{
	cleanup(bytes_clear) struct bytes image = make_bzimage(VERSION_TEXT);

	(void)state;
	put16(&image, 0x20e, 0xffff);
	put_crc(&image);
	assert_refused(&image, "contains no version");

	put16(&image, 0x20e, 0);
	put_crc(&image);
	assert_refused(&image, "contains no version");

	/* A text that runs up to the end of the setup part, and would continue after it. */
	put16(&image, 0x20e, SETUP_SIZE - 0x200 - 6);
	memcpy(image.data + SETUP_SIZE - 6, "6.1.0-99 ", 9);
	put_crc(&image);
	assert_refused(&image, "contains no version");
	memcpy(image.data + SETUP_SIZE - 6, "6.1.0-  ", 8);
	put_crc(&image);
	assert_refused(&image, "contains no version");
}

static void release_must_be_one_word(void **state)
{
	cleanup(bytes_clear) struct bytes path = make_bzimage("../../etc (x)");
	cleanup(bytes_clear) struct bytes line = make_bzimage("6.1\n (x)");

	(void)state;
	assert_refused(&path, "contains no version");
	assert_refused(&line, "contains no version");
}

static void kernels_since_6_15_have_no_crc(void **state)
{
	cleanup(bytes_clear) struct bytes newer = make_bzimage("6.15.0-amd64 (x)");
	cleanup(bytes_clear) struct bytes older = make_bzimage("6.14.9-amd64 (x)");
	struct kernel kernel;

	(void)state;
	put32(&newer, IMAGE_SIZE - 4, 0);
	put32(&older, IMAGE_SIZE - 4, 0);
	assert_int_equal(read_kernel(&newer, &kernel), 0);
	assert_refused(&older, "CRC-32");
}

static void old_boot_protocol_is_refused(void **state)
{
	cleanup(bytes_clear) struct bytes image = make_bzimage(VERSION_TEXT);

	(void)state;
	put16(&image, 0x206, 0x0207);
	put_crc(&image);
	assert_refused(&image, "2.07");
}

/* A signature that names this digest. Nobody signed it: that is not checked. */
static struct bytes make_signature(int algorithm, const uint8_t *digest, int digest_size)
{
	static const uint8_t data[] = {0x30, 0x02, 0x05, 0x00};
	struct bytes der = {0}, content = {0};
	X509_SIG *info = X509_SIG_new();
	ASN1_OCTET_STRING *text;
	X509_ALGOR *parameters;
	PKCS7 *p7 = PKCS7_new(), *inner = PKCS7_new();
	uint8_t *p = NULL;
	int n;

	X509_SIG_getm(info, &parameters, &text);
	X509_ALGOR_set0(parameters, OBJ_nid2obj(algorithm), V_ASN1_NULL, NULL);
	ASN1_OCTET_STRING_set(text, digest, digest_size);
	n = i2d_X509_SIG(info, &p);
	append(&content, "\x30", 1);
	append(&content, (uint8_t[]){(uint8_t)((size_t)n + sizeof(data))}, 1);
	append(&content, data, sizeof(data));
	append(&content, p, (size_t)n);
	OPENSSL_free(p);

	inner->type = OBJ_txt2obj("1.3.6.1.4.1.311.2.1.4", 1);
	inner->d.other = ASN1_TYPE_new();
	text = ASN1_OCTET_STRING_new();
	ASN1_OCTET_STRING_set(text, content.data, (int)content.size);
	ASN1_TYPE_set(inner->d.other, V_ASN1_SEQUENCE, text);
	PKCS7_set_type(p7, NID_pkcs7_signed);
	PKCS7_set_content(p7, inner);
	p = NULL;
	n = i2d_PKCS7(p7, &p);
	assert_true(n > 0);
	append(&der, p, (size_t)n);
	OPENSSL_free(p);
	PKCS7_free(p7);
	X509_SIG_free(info);
	bytes_clear(&content);
	return der;
}

/* The Authenticode digest of an image to which no signature was added yet. */
static int digest_image(const struct bytes *image, const EVP_MD *md, uint8_t *ret_digest)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned int size;

	EVP_DigestInit_ex(context, md, NULL);
	EVP_DigestUpdate(context, image->data, CHECKSUM_AT);
	EVP_DigestUpdate(context, image->data + CHECKSUM_AT + 4, SECURITY_AT - CHECKSUM_AT - 4);
	EVP_DigestUpdate(context, image->data + SECURITY_AT + 8, image->size - SECURITY_AT - 8);
	EVP_DigestFinal_ex(context, ret_digest, &size);
	EVP_MD_CTX_free(context);
	return (int)size;
}

/* Add a signature after the existing ones. @spoil: one with a different digest. */
static void sign(struct bytes *image, const EVP_MD *md, bool spoil)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	uint32_t table, size;
	struct bytes whole = *image;
	cleanup(bytes_clear) struct bytes der = {0};

	whole.size = IMAGE_SIZE;
	size = (uint32_t)digest_image(&whole, md, digest);
	digest[0] ^= spoil;
	der = make_signature(EVP_MD_get_type(md), digest, (int)size);
	size = 8 + (uint32_t)der.size;
	table = (uint32_t)image->size;
	append(image, NULL, 8);
	append_bytes(image, &der);
	align_to(image, 8);
	put32(image, table, size);
	put16(image, table + 4, 0x0200);
	put16(image, table + 6, 0x0002);
	put32(image, SECURITY_AT, IMAGE_SIZE);
	put32(image, SECURITY_AT + 4, (uint32_t)image->size - IMAGE_SIZE);
	put32(image, CHECKSUM_AT, 0x12345678);
}

static void signed_kernel_matches_its_digest(void **state)
{
	const EVP_MD *const algorithms[] = {EVP_sha1(), EVP_sha256(), EVP_sha512()};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++) {
		cleanup(bytes_clear) struct bytes image = make_bzimage(VERSION_TEXT);
		struct kernel kernel;

		sign(&image, algorithms[i], false);
		assert_int_equal(read_kernel(&image, &kernel), 0);
		assert_true(kernel.is_signed);
		assert_string_equal(kernel.release, RELEASE);
	}
}

static void signed_kernel_with_a_flipped_bit_is_refused(void **state)
{
	cleanup(bytes_clear) struct bytes image = make_bzimage(VERSION_TEXT);
	struct kernel kernel;

	(void)state;
	sign(&image, EVP_sha256(), false);
	for (size_t at = 0; at < IMAGE_SIZE; at += at < SETUP_SIZE ? 1 : 89) {
		/* What signing changes, and with it what no signature covers. */
		if ((at >= CHECKSUM_AT && at < CHECKSUM_AT + 4) ||
			(at >= SECURITY_AT && at < SECURITY_AT + 8))
			continue;
		image.data[at] ^= 0x10;
		assert_int_equal(read_kernel(&image, &kernel), -ERR_REFUSED);
		image.data[at] ^= 0x10;
	}
	image.data[SETUP_SIZE + 5] ^= 1;
	assert_refused(&image, "does not match its signature's digest");
}

static void one_matching_signature_of_several_is_enough(void **state)
{
	cleanup(bytes_clear) struct bytes image = make_bzimage(VERSION_TEXT);
	struct kernel kernel;

	(void)state;
	sign(&image, EVP_sha256(), true);
	assert_refused(&image, "does not match its signature's digest");
	sign(&image, EVP_sha512(), true);
	assert_refused(&image, "does not match its signature's digest");
	sign(&image, EVP_sha256(), false);
	assert_int_equal(read_kernel(&image, &kernel), 0);
}

static void damaged_signature_does_no_harm(void **state)
{
	cleanup(bytes_clear) struct bytes image = make_bzimage(VERSION_TEXT);
	size_t end;

	(void)state;
	sign(&image, EVP_sha256(), false);
	end = image.size;
	for (size_t at = IMAGE_SIZE; at < end; at++) {
		for (unsigned int bit = 1; bit < 256; bit <<= 1) {
			struct kernel kernel;
			int r;

			image.data[at] ^= (uint8_t)bit;
			r = read_kernel(&image, &kernel);
			assert_true(r == 0 || r == -ERR_REFUSED);
			image.data[at] ^= (uint8_t)bit;
		}
	}
	image.size = end - 1;
	assert_refused(&image, "truncated");
	image.size = end;
	put32(&image, SECURITY_AT, 0xfffffff0u);
	assert_refused(&image, "truncated");
	put32(&image, SECURITY_AT, 16);
	assert_refused(&image, "impossible");
}

static void arm64_release_is_found_anywhere(void **state)
{
	/* Also across the boundaries of the pieces in which the file is read. */
	static const uint32_t places[] = {
		4096, 131072 - 170, 131072 - 30, 131072 - 8, 131072, 299000};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		cleanup(bytes_clear) struct bytes image = make_arm64(300000, places[i]);
		struct kernel kernel;

		assert_int_equal(read_kernel(&image, &kernel), 0);
		assert_string_equal(kernel.release, "6.1.0-99-arm64");
		assert_string_equal(kernel.machine, "arm64");
		assert_false(kernel.is_signed);
	}
}

static void truncated_arm64_is_refused(void **state)
{
	cleanup(bytes_clear) struct bytes image = make_arm64(300000, 5000);

	(void)state;
	image.size--;
	assert_refused(&image, "truncated");
	image.size = 10000;
	assert_refused(&image, "truncated");
}

static void arm64_format_string_is_not_a_banner(void **state)
{
	cleanup(bytes_clear) struct bytes image = make_arm64(300000, 5000);
	struct kernel kernel;

	(void)state;
	memcpy(image.data + 4000, "Linux version %s (%s)", 21);
	assert_int_equal(read_kernel(&image, &kernel), 0);
	assert_string_equal(kernel.release, "6.1.0-99-arm64");
	memset(image.data + 5000, 0, 100);
	assert_refused(&image, "contains no version");
}

static void zboot_is_named(void **state)
{
	cleanup(bytes_clear) struct bytes image = make_arm64(300000, 5000);

	(void)state;
	memcpy(image.data + 4, "zimg", 4);
	assert_refused(&image, "zboot");
}

static void other_files_are_refused(void **state)
{
	struct kernel kernel;
	cleanup(bytes_clear) struct bytes text = {0};
	autoclose int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int old, r;

	(void)state;
	append(&text, NULL, 100000);
	assert_refused(&text, "not a Linux kernel");
	old = begin_listening();
	r = kernel_read(folder, "/", &kernel);
	end_listening(old);
	assert_int_equal(r, -ERR_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bzimage_states_its_release),
		cmocka_unit_test(bzimage_with_a_flipped_bit_is_refused),
		cmocka_unit_test(truncated_bzimage_is_refused),
		cmocka_unit_test(version_text_is_read_within_its_bounds),
		cmocka_unit_test(release_must_be_one_word),
		cmocka_unit_test(kernels_since_6_15_have_no_crc),
		cmocka_unit_test(old_boot_protocol_is_refused),
		cmocka_unit_test(signed_kernel_matches_its_digest),
		cmocka_unit_test(signed_kernel_with_a_flipped_bit_is_refused),
		cmocka_unit_test(one_matching_signature_of_several_is_enough),
		cmocka_unit_test(damaged_signature_does_no_harm),
		cmocka_unit_test(arm64_release_is_found_anywhere),
		cmocka_unit_test(truncated_arm64_is_refused),
		cmocka_unit_test(arm64_format_string_is_not_a_banner),
		cmocka_unit_test(zboot_is_named),
		cmocka_unit_test(other_files_are_refused),
	};

	return cmocka_run_group_tests_name("kernel", tests, NULL, NULL);
}
