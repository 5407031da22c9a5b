/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "pe.h"

#include "log.h"
#include "util.h"

#include <assert.h>
#include <endian.h>
#include <openssl/asn1.h>
#include <openssl/evp.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>
#include <string.h>

#define CHUNK (128u * 1024u)

/* A real table has one or two certificates of 1.5 KiB each. */
#define TABLE_MAX      (1024u * 1024u)
#define SIGNATURES_MAX 16u

/* The loaders' own limit (PE format, "COFF File Header": NumberOfSections). */
#define SECTIONS_MAX 96u

/* PE format, "COFF File Header", behind the 4 bytes "PE\0\0". */
struct coff_header {
	uint16_t machine;	       /* 0 */
	uint16_t number_of_sections;   /* 2 */
	uint32_t time;		       /* 4 */
	uint32_t symbols;	       /* 8 */
	uint32_t number_of_symbols;    /* 12 */
	uint16_t optional_header_size; /* 16 */
	uint16_t characteristics;      /* 18 */
} __attribute__((packed));
static_assert(sizeof(struct coff_header) == 20, "PE format: COFF File Header");

/* PE format, "Section Table". */
struct section_header {
	char name[8];		   /* 0 */
	uint32_t virtual_size;	   /* 8 */
	uint32_t virtual_address;  /* 12 */
	uint32_t raw_size;	   /* 16 */
	uint32_t raw_offset;	   /* 20 */
	uint32_t relocations;	   /* 24 */
	uint32_t line_numbers;	   /* 28 */
	uint16_t relocation_count; /* 32 */
	uint16_t line_count;	   /* 34 */
	uint32_t characteristics;  /* 36 */
} __attribute__((packed));
static_assert(sizeof(struct section_header) == 40, "PE format: Section Headers");

/* PE format, "The Attribute Certificate Table". */
struct win_certificate {
	uint32_t length;   /* 0: with this header, without padding to 8 */
	uint16_t revision; /* 4 */
	uint16_t type;	   /* 6 */
} __attribute__((packed));
static_assert(sizeof(struct win_certificate) == 8, "PE format: WIN_CERTIFICATE");
#define WIN_CERT_TYPE_PKCS_SIGNED_DATA 0x0002u

/* PE format, "Optional Header": where its fields stand in the two kinds of it. */
#define OPTIONAL_MAGIC_PE32	 0x010bu
#define OPTIONAL_MAGIC_PE32_PLUS 0x020bu
#define OPTIONAL_CHECKSUM	 64u
#define PE32_RVA_COUNT		 92u
#define PE32_PLUS_RVA_COUNT	 108u
#define SECURITY_DIRECTORY	 4u /* the 5th of the data directories that follow the count */

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

int pe_pread(int fd, void *buffer, size_t size, uint64_t offset)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(fd, (char *)buffer + done, size - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENODATA;
		done += (size_t)n;
	}
	return 0;
}

static int refuse(const char *name, const char *what)
{
	log_error("%s: %s", name, what);
	return -ERR_REFUSED;
}

static int read_error(const char *name, int r)
{
	errno = -r;
	log_error("%s: cannot read the kernel: %m", name);
	return r;
}

/* Where the optional header keeps the checksum and the certificate table's place. */
static int read_optional_header(
	int fd, const char *name, uint64_t offset, uint16_t size, struct pe *pe)
{
	uint8_t header[PE32_PLUS_RVA_COUNT + 4 + (SECURITY_DIRECTORY + 1) * 8] = {0};
	uint32_t count, address, count_at, length, word;
	uint16_t magic;
	int r;

	r = pe_pread(fd, header, MIN(size, sizeof(header)), offset);
	if (r == -ENODATA)
		return refuse(name, "the kernel is cut short within its PE header");
	if (r < 0)
		return read_error(name, r);

	memcpy(&magic, header, sizeof(magic));
	magic = le16toh(magic);
	if (magic != OPTIONAL_MAGIC_PE32 && magic != OPTIONAL_MAGIC_PE32_PLUS)
		return refuse(name, "the kernel's PE header is of an unknown kind");
	count_at = magic == OPTIONAL_MAGIC_PE32 ? PE32_RVA_COUNT : PE32_PLUS_RVA_COUNT;
	if (size < count_at + 4)
		return refuse(name, "the kernel's PE header is too short");

	pe->checksum = offset + OPTIONAL_CHECKSUM;
	memcpy(&word, header + count_at, sizeof(word));
	count = le32toh(word);
	if (count <= SECURITY_DIRECTORY)
		return 0;
	if (size < count_at + 4 + (SECURITY_DIRECTORY + 1) * 8)
		return refuse(name, "the kernel's PE header is too short");

	pe->security_entry = offset + count_at + 4 + SECURITY_DIRECTORY * 8;
	memcpy(&word, header + count_at + 4 + SECURITY_DIRECTORY * 8, sizeof(word));
	address = le32toh(word);
	memcpy(&word, header + count_at + 4 + SECURITY_DIRECTORY * 8 + 4, sizeof(word));
	length = le32toh(word);
	/* Unlike the other directories this one counts from the start of the file. */
	pe->table = address;
	pe->table_size = length;
	return 0;
}

static int read_sections(int fd, const char *name, uint64_t offset, uint16_t count, struct pe *pe)
{
	struct section_header sections[SECTIONS_MAX];
	int r;

	if (count == 0 || count > SECTIONS_MAX)
		return refuse(
			name, "the kernel's PE header names an impossible number of sections");
	r = pe_pread(fd, sections, count * sizeof(sections[0]), offset);
	if (r == -ENODATA)
		return refuse(name, "the kernel is cut short within its PE header");
	if (r < 0)
		return read_error(name, r);

	for (uint16_t i = 0; i < count; i++) {
		uint64_t start = le32toh(sections[i].raw_offset);
		uint64_t size = le32toh(sections[i].raw_size);

		if (size == 0)
			continue;
		if (start + size > pe->file_size) {
			log_error(
				"%s: the kernel is cut short: it has %llu bytes, its section %.8s ends at "
				"byte %llu",
				name, (unsigned long long)pe->file_size, sections[i].name,
				(unsigned long long)(start + size));
			return -ERR_REFUSED;
		}
		pe->raw_end = MAX(pe->raw_end, start + size);
	}
	pe->sections = offset;
	pe->section_count = count;
	return 0;
}

int pe_find_section(
	int fd, const struct pe *pe, const char *name, uint64_t *ret_offset, uint64_t *ret_size)
{
	for (uint16_t i = 0; i < pe->section_count; i++) {
		struct section_header section;
		int r = pe_pread(fd, &section, sizeof(section), pe->sections + i * sizeof(section));

		if (r < 0)
			return r;
		if (strncmp(section.name, name, sizeof(section.name)) != 0)
			continue;
		*ret_offset = le32toh(section.raw_offset);
		/* What is on the disk may be filled up, what is in memory with zeros. */
		*ret_size = MIN(le32toh(section.raw_size), le32toh(section.virtual_size));
		return 0;
	}
	return -ENOENT;
}

int pe_read(int fd, const char *name, uint64_t file_size, struct pe *ret_pe)
{
	struct pe pe = {.file_size = file_size};
	struct coff_header coff;
	uint8_t dos[64], signature[4];
	uint32_t offset;
	int r;

	r = pe_pread(fd, dos, sizeof(dos), 0);
	if (r == -ENODATA || (r == 0 && memcmp(dos, "MZ", 2) != 0))
		return -ENOEXEC;
	if (r < 0)
		return read_error(name, r);
	memcpy(&offset, dos + 0x3c, sizeof(offset));
	offset = le32toh(offset);

	r = pe_pread(fd, signature, sizeof(signature), offset);
	if (r == -ENODATA || (r == 0 && memcmp(signature, "PE\0\0", 4) != 0))
		return -ENOEXEC;
	if (r == 0)
		r = pe_pread(fd, &coff, sizeof(coff), (uint64_t)offset + 4);
	if (r == -ENODATA)
		return refuse(name, "the kernel is cut short within its PE header");
	if (r < 0)
		return read_error(name, r);

	pe.machine = le16toh(coff.machine);
	r = read_optional_header(
		fd, name, (uint64_t)offset + 24, le16toh(coff.optional_header_size), &pe);
	if (r < 0)
		return r;
	r = read_sections(fd, name, (uint64_t)offset + 24 + le16toh(coff.optional_header_size),
		le16toh(coff.number_of_sections), &pe);
	if (r < 0)
		return r;

	if (pe.table_size > 0) {
		if (pe.table < pe.security_entry + 8 || pe.table_size > TABLE_MAX)
			return refuse(name, "the kernel's signature table is impossible");
		if (pe.table + pe.table_size > file_size) {
			log_error("%s: the kernel is cut short: it has %llu bytes, its signature "
				  "ends at byte %llu",
				name, (unsigned long long)file_size,
				(unsigned long long)(pe.table + pe.table_size));
			return -ERR_REFUSED;
		}
	}

	*ret_pe = pe;
	return 0;
}

/* Hash the bytes from start to end. */
static int hash_range(int fd, EVP_MD_CTX *context, uint8_t *buffer, uint64_t start, uint64_t end)
{
	while (start < end) {
		size_t n = (size_t)MIN(end - start, (uint64_t)CHUNK);
		int r = pe_pread(fd, buffer, n, start);

		if (r < 0)
			return r;
		if (EVP_DigestUpdate(context, buffer, n) != 1)
			return -EIO;
		start += n;
	}
	return 0;
}

/*
 * The Authenticode digest: the whole file without what signing changes. The specification speaks of
 * headers, then sections in the order of their place, then what follows: the same bytes in the same
 * order as long as the sections leave no gap. The table stands at a multiple of 8 bytes: the zeros
 * that signers put in front of it are part of the file already.
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
		return -EIO;
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		int r = hash_range(fd, context, buffer, ranges[i].start, ranges[i].end);

		if (r < 0)
			return r;
	}
	if (EVP_DigestFinal_ex(context, ret_digest, NULL) != 1)
		return -EIO;
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

/* Does the file have the digest that this signature names? 1: yes, 0: no, -ENOENT: it names none.
 */
static int check_signature(int fd, const struct pe *pe, const uint8_t *der, long size)
{
	cleanup(x509_sig_free) X509_SIG *info = parse_digest_info(der, size);
	uint8_t digest[EVP_MAX_MD_SIZE];
	const ASN1_OCTET_STRING *expected;
	const ASN1_OBJECT *algorithm;
	const X509_ALGOR *parameters;
	const EVP_MD *md;
	int r;

	if (!info)
		return -ENOENT;
	X509_SIG_get0(info, &parameters, &expected);
	X509_ALGOR_get0(&algorithm, NULL, NULL, parameters);
	md = EVP_get_digestbynid(OBJ_obj2nid(algorithm));
	if (!md || ASN1_STRING_length(expected) != EVP_MD_get_size(md))
		return -ENOENT;
	r = hash_image(fd, pe, md, digest);
	if (r < 0)
		return r;
	return memcmp(digest, ASN1_STRING_get0_data(expected), (size_t)EVP_MD_get_size(md)) == 0;
}

int pe_check_digest(int fd, const char *name, const struct pe *pe)
{
	autofree uint8_t *table = malloc((size_t)pe->table_size + 1);
	unsigned int known = 0, seen = 0;
	uint64_t at = 0;
	int r;

	if (!table)
		return -ENOMEM;
	r = pe_pread(fd, table, (size_t)pe->table_size, pe->table);
	if (r < 0)
		return read_error(name, r);

	/* Entries stand one behind the other, each filled up to a multiple of 8 bytes. */
	while (pe->table_size - at >= sizeof(struct win_certificate) && seen < SIGNATURES_MAX) {
		struct win_certificate certificate;
		uint32_t length;

		memcpy(&certificate, table + at, sizeof(certificate));
		length = le32toh(certificate.length);
		if (length == 0)
			break;
		if (length < sizeof(certificate) || length > pe->table_size - at)
			return refuse(name, "the kernel's signature table is damaged");
		if (le16toh(certificate.type) == WIN_CERT_TYPE_PKCS_SIGNED_DATA) {
			seen++;
			r = check_signature(fd, pe, table + at + sizeof(certificate),
				(long)(length - sizeof(certificate)));
			if (r == 1)
				return 0;
			if (r == 0)
				known++;
			else if (r != -ENOENT)
				return read_error(name, r);
		}
		at = MIN(at + ROUND_UP(length, 8), pe->table_size);
	}

	if (known == 0)
		return refuse(name, "the kernel's signature is damaged: it names no digest");
	return refuse(
		name, "the kernel is damaged: its content does not match its signature's digest");
}
