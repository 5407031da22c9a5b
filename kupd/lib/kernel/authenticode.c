/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "authenticode.h"

#include <assert.h>
#include <endian.h>
#include <openssl/asn1.h>
#include <openssl/evp.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/util.h"

#define CHUNK	       (128u * 1024u)
#define SIGNATURES_MAX 16u

/* PE format, "The Attribute Certificate Table". */
struct win_certificate {
	uint32_t length;   /* 0: with this header, without padding to 8 */
	uint16_t revision; /* 4 */
	uint16_t type;	   /* 6 */
} __attribute__((packed));
static_assert(sizeof(struct win_certificate) == 8, "PE format: WIN_CERTIFICATE");
#define WIN_CERT_TYPE_PKCS_SIGNED_DATA 0x0002u

#define SPC_INDIRECT_DATA_OID "1.3.6.1.4.1.311.2.1.4"

static void pkcs7_free(PKCS7 **p)
{
	PKCS7_free(*p);
}

static void object_free(ASN1_OBJECT **o)
{
	ASN1_OBJECT_free(*o);
}

static void x509_sig_free(X509_SIG **s)
{
	X509_SIG_free(*s);
}

static void md_ctx_free(EVP_MD_CTX **c)
{
	EVP_MD_CTX_free(*c);
}

/*
 * Go through the signatures (PKCS #7, DER) until @each returns anything but 0, and return that.
 * -ERR_DAMAGED if the table is damaged.
 */
static int walk(int fd, const struct pe *pe, int (*each)(void *data, const uint8_t *der, long size),
	void *data)
{
	autofree uint8_t *table = malloc((size_t)pe->table_size + 1);
	unsigned int seen = 0;
	uint64_t at = 0;
	int r;

	if (!table)
		return -ENOMEM;
	r = file_read(fd, table, (size_t)pe->table_size, pe->table);
	if (r < 0)
		return r;

	/* Entries follow one another, each padded to a multiple of 8 bytes. */
	while (pe->table_size - at >= sizeof(struct win_certificate) && seen < SIGNATURES_MAX) {
		struct win_certificate certificate;
		uint32_t length;

		memcpy(&certificate, table + at, sizeof(certificate));
		length = le32toh(certificate.length);
		if (length == 0)
			break;
		if (length < sizeof(certificate) || length > pe->table_size - at)
			return -ERR_DAMAGED;
		if (le16toh(certificate.type) == WIN_CERT_TYPE_PKCS_SIGNED_DATA) {
			seen++;
			r = each(data, table + at + sizeof(certificate),
				(long)(length - sizeof(certificate)));
			if (r != 0)
				return r;
		}
		at = MIN(at + ROUND_UP(length, 8), pe->table_size);
	}
	return 0;
}

/* Hash the bytes from start to end. */
static int hash_range(int fd, EVP_MD_CTX *context, uint8_t *buffer, uint64_t start, uint64_t end)
{
	while (start < end) {
		size_t n = (size_t)MIN(end - start, (uint64_t)CHUNK);
		int r = file_read(fd, buffer, n, start);

		if (r < 0)
			return r;
		if (EVP_DigestUpdate(context, buffer, n) != 1)
			return -ERR_TOOL;
		start += n;
	}
	return 0;
}

/*
 * The Authenticode digest: the whole file except for what signing changes. The specification says
 * headers, then sections in file order, then what follows: the same bytes in the same order as long
 * as there are no gaps between sections. The table starts at a multiple of 8 bytes: the zeros that
 * signers put before it are already part of the file.
 */
static int hash_image(int fd, const struct pe *pe, const EVP_MD *md, uint8_t *ret_digest)
{
	cleanup(md_ctx_free) EVP_MD_CTX *context = EVP_MD_CTX_new();
	autofree uint8_t *buffer = malloc(CHUNK);
	const struct {
		uint64_t start, end;
	} ranges[] = {
		{0, pe->checksum},
		{pe->checksum + 4, pe->security_entry},
		{pe->security_entry + 8, pe->table},
		{pe->table + pe->table_size, pe->file_size},
	};

	if (!context || !buffer)
		return -ENOMEM;
	if (EVP_DigestInit_ex(context, md, NULL) != 1)
		return -ERR_TOOL;
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		int r = hash_range(fd, context, buffer, ranges[i].start, ranges[i].end);

		if (r < 0)
			return r;
	}
	if (EVP_DigestFinal_ex(context, ret_digest, NULL) != 1)
		return -ERR_TOOL;
	return 0;
}

/*
 * The DigestInfo in a signature's content: SpcIndirectDataContent ::= SEQUENCE { data ...,
 * messageDigest DigestInfo }; a DigestInfo has the shape of OpenSSL's X509_SIG. NULL: not found.
 */
static X509_SIG *parse_digest_info(const uint8_t *der, long size)
{
	cleanup(pkcs7_free) PKCS7 *p7 = d2i_PKCS7(NULL, &der, size);
	cleanup(object_free) ASN1_OBJECT *wanted = OBJ_txt2obj(SPC_INDIRECT_DATA_OID, 1);
	const ASN1_TYPE *content;
	const uint8_t *p, *end;
	int tag, class;
	long length;

	if (!p7 || !wanted || !PKCS7_type_is_signed(p7) || !p7->d.sign || !p7->d.sign->contents)
		return NULL;
	if (OBJ_cmp(p7->d.sign->contents->type, wanted) != 0)
		return NULL;
	content = p7->d.sign->contents->d.other;
	if (!content || content->type != V_ASN1_SEQUENCE)
		return NULL;

	p = ASN1_STRING_get0_data(content->value.sequence);
	end = p + ASN1_STRING_length(content->value.sequence);
	if (ASN1_get_object(&p, &length, &tag, &class, end - p) != V_ASN1_CONSTRUCTED ||
		tag != V_ASN1_SEQUENCE || length > end - p)
		return NULL;
	end = p + length;
	if (ASN1_get_object(&p, &length, &tag, &class, end - p) != V_ASN1_CONSTRUCTED ||
		tag != V_ASN1_SEQUENCE || length > end - p)
		return NULL;
	p += length;
	return d2i_X509_SIG(NULL, &p, end - p);
}

/* A file whose digest is searched for in its signatures. */
struct search {
	int fd;
	const struct pe *pe;
	bool is_named; /* some signature names a digest, even if a different one */
};

/* Does the file have the digest named in this signature? 1: yes. */
static int check_signature(void *data, const uint8_t *der, long size)
{
	cleanup(x509_sig_free) X509_SIG *info = parse_digest_info(der, size);
	uint8_t digest[EVP_MAX_MD_SIZE];
	const ASN1_OCTET_STRING *expected;
	const ASN1_OBJECT *algorithm;
	const X509_ALGOR *parameters;
	struct search *search = data;
	const EVP_MD *md;
	int r;

	if (!info)
		return 0;
	X509_SIG_get0(info, &parameters, &expected);
	X509_ALGOR_get0(&algorithm, NULL, NULL, parameters);
	md = EVP_get_digestbynid(OBJ_obj2nid(algorithm));
	if (!md || ASN1_STRING_length(expected) != EVP_MD_get_size(md))
		return 0;
	r = hash_image(search->fd, search->pe, md, digest);
	if (r < 0)
		return r;
	search->is_named = true;
	return memcmp(digest, ASN1_STRING_get0_data(expected), (size_t)EVP_MD_get_size(md)) == 0;
}

int authenticode_check_digest(int fd, const char *name, const struct pe *pe)
{
	struct search search = {.fd = fd, .pe = pe};
	int r;

	r = walk(fd, pe, check_signature, &search);
	if (r == 1)
		return 0;
	if (r < 0 && r != -ERR_DAMAGED)
		return report(r, "%s: cannot read the kernel", name);
	if (r == -ERR_DAMAGED)
		return refuse(-ERR_REFUSED, "%s: the kernel's signature table is damaged", name);
	if (!search.is_named)
		return refuse(-ERR_REFUSED,
			"%s: the kernel's signature is damaged: it names no digest", name);
	return refuse(-ERR_REFUSED,
		"%s: the kernel is damaged: its content does not match its signature's digest",
		name);
}

struct audience {
	authenticode_signer found;
	void *data;
};

/* Report the signers whose certificates the signature contains. */
static int tell_signers(void *data, const uint8_t *der, long size)
{
	cleanup(pkcs7_free) PKCS7 *p7 = d2i_PKCS7(NULL, &der, size);
	const struct audience *audience = data;
	STACK_OF(X509) * signers;

	if (!p7 || !PKCS7_type_is_signed(p7))
		return 0;
	signers = PKCS7_get0_signers(p7, NULL, 0);
	for (int i = 0; i < sk_X509_num(signers); i++)
		audience->found(audience->data, sk_X509_value(signers, i));
	sk_X509_free(signers);
	return 0;
}

int authenticode_signers(int fd, const struct pe *pe, authenticode_signer found, void *data)
{
	struct audience audience = {found, data};

	return walk(fd, pe, tell_signers, &audience);
}
