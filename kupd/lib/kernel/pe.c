/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "pe.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/util.h"

/* A real table has one or two certificates of 1.5 KiB each. */
#define TABLE_MAX (1024u * 1024u)

/* The loader's own limit (PE format, "COFF File Header": NumberOfSections). */
#define SECTIONS_MAX 96u

#define SECTION_NAME_MAX 32u

/* PE format, "COFF File Header", after the 4 bytes "PE\0\0". */
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
#define SYMBOL_SIZE 18u /* the long names follow the symbols */

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

/* PE format, "Optional Header": where the fields are in its two variants. */
#define OPTIONAL_MAGIC_PE32	 0x010bu
#define OPTIONAL_MAGIC_PE32_PLUS 0x020bu
#define OPTIONAL_CHECKSUM	 64u
#define PE32_RVA_COUNT		 92u
#define PE32_PLUS_RVA_COUNT	 108u
#define SECURITY_DIRECTORY	 4u /* the 5th of the data directories that follow the count */

static int read_error(const char *name, int r)
{
	return report(r, "%s: cannot read it", name);
}

/* Read where the optional header has the checksum and the location of the certificate table. */
static int read_optional_header(
	int fd, const char *name, uint64_t offset, uint16_t size, struct pe *pe)
{
	uint8_t header[PE32_PLUS_RVA_COUNT + 4 + (SECURITY_DIRECTORY + 1) * 8] = {0};
	uint32_t count, address, count_at, length, word;
	uint16_t magic;
	int r;

	r = file_read(fd, header, MIN(size, sizeof(header)), offset);
	if (r == -ERR_SHORT)
		return refuse(-ERR_REFUSED, "%s: truncated within its PE header", name);
	if (r < 0)
		return read_error(name, r);

	memcpy(&magic, header, sizeof(magic));
	magic = le16toh(magic);
	if (magic != OPTIONAL_MAGIC_PE32 && magic != OPTIONAL_MAGIC_PE32_PLUS)
		return refuse(-ERR_REFUSED, "%s: its PE header is of an unknown kind", name);
	count_at = magic == OPTIONAL_MAGIC_PE32 ? PE32_RVA_COUNT : PE32_PLUS_RVA_COUNT;
	if (size < count_at + 4)
		return refuse(-ERR_REFUSED, "%s: its PE header is too short", name);

	pe->checksum = offset + OPTIONAL_CHECKSUM;
	memcpy(&word, header + count_at, sizeof(word));
	count = le32toh(word);
	if (count <= SECURITY_DIRECTORY)
		return 0;
	if (size < count_at + 4 + (SECURITY_DIRECTORY + 1) * 8)
		return refuse(-ERR_REFUSED, "%s: its PE header is too short", name);

	pe->security_entry = offset + count_at + 4 + SECURITY_DIRECTORY * 8;
	memcpy(&word, header + count_at + 4 + SECURITY_DIRECTORY * 8, sizeof(word));
	address = le32toh(word);
	memcpy(&word, header + count_at + 4 + SECURITY_DIRECTORY * 8 + 4, sizeof(word));
	length = le32toh(word);
	/* Unlike those of the other directories, this address is a file offset. */
	pe->table = address;
	pe->table_size = length;
	return 0;
}

static int read_sections(int fd, const char *name, uint64_t offset, uint16_t count, struct pe *pe)
{
	struct section_header sections[SECTIONS_MAX];
	int r;

	if (count == 0 || count > SECTIONS_MAX)
		return refuse(-ERR_REFUSED,
			"%s: its PE header has an impossible number of sections", name);
	r = file_read(fd, sections, count * sizeof(sections[0]), offset);
	if (r == -ERR_SHORT)
		return refuse(-ERR_REFUSED, "%s: truncated within its PE header", name);
	if (r < 0)
		return read_error(name, r);

	for (uint16_t i = 0; i < count; i++) {
		uint64_t start = le32toh(sections[i].raw_offset);
		uint64_t size = le32toh(sections[i].raw_size);

		if (size == 0)
			continue;
		if (start + size > pe->file_size)
			return refuse(-ERR_REFUSED,
				"%s: truncated: it has %llu bytes, its section %.8s ends at byte "
				"%llu",
				name, (unsigned long long)pe->file_size, sections[i].name,
				(unsigned long long)(start + size));
		pe->raw_end = MAX(pe->raw_end, start + size);
	}
	pe->sections = offset;
	pe->section_count = count;
	return 0;
}

/* Is this the section's name? Long names are stored elsewhere ("/37": at byte 37 there). */
static bool is_named(
	int fd, const struct pe *pe, const struct section_header *section, const char *name)
{
	char text[SECTION_NAME_MAX] = "", number[sizeof(section->name)] = "";
	size_t size = strlen(name) + 1;

	if (size - 1 <= sizeof(section->name))
		return strncmp(section->name, name, sizeof(section->name)) == 0;
	if (section->name[0] != '/' || !pe->long_names || size > sizeof(text))
		return false;
	memcpy(number, section->name + 1, sizeof(number) - 1);
	return file_read(fd, text, size, pe->long_names + strtoul(number, NULL, 10)) == 0 &&
	       memcmp(text, name, size) == 0;
}

int pe_find_section(
	int fd, const struct pe *pe, const char *name, uint64_t *ret_offset, uint64_t *ret_size)
{
	for (uint16_t i = 0; i < pe->section_count; i++) {
		struct section_header section;
		int r = file_read(
			fd, &section, sizeof(section), pe->sections + i * sizeof(section));

		if (r < 0)
			return r;
		if (!is_named(fd, pe, &section, name))
			continue;
		*ret_offset = le32toh(section.raw_offset);
		/* On disk a section may be padded; in memory it may be extended with zeros. */
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

	r = file_read(fd, dos, sizeof(dos), 0);
	if (r == -ERR_SHORT || (r == 0 && memcmp(dos, "MZ", 2) != 0))
		return -ERR_FOREIGN;
	if (r < 0)
		return read_error(name, r);
	memcpy(&offset, dos + 0x3c, sizeof(offset));
	offset = le32toh(offset);

	r = file_read(fd, signature, sizeof(signature), offset);
	if (r == -ERR_SHORT || (r == 0 && memcmp(signature, "PE\0\0", 4) != 0))
		return -ERR_FOREIGN;
	if (r == 0)
		r = file_read(fd, &coff, sizeof(coff), (uint64_t)offset + 4);
	if (r == -ERR_SHORT)
		return refuse(-ERR_REFUSED, "%s: truncated within its PE header", name);
	if (r < 0)
		return read_error(name, r);

	pe.machine = le16toh(coff.machine);
	if (coff.symbols)
		pe.long_names = le32toh(coff.symbols) +
				(uint64_t)le32toh(coff.number_of_symbols) * SYMBOL_SIZE;
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
			return refuse(-ERR_REFUSED, "%s: its signature table is impossible", name);
		if (pe.table + pe.table_size > file_size)
			return refuse(-ERR_REFUSED,
				"%s: truncated: it has %llu bytes, its signature ends at byte %llu",
				name, (unsigned long long)file_size,
				(unsigned long long)(pe.table + pe.table_size));
	}

	*ret_pe = pe;
	return 0;
}

bool pe_head_is_signed(const uint8_t *head, size_t size)
{
	/* The two signatures, the COFF header, and as much of the optional header as is read. */
	const size_t needed = 4 + sizeof(struct coff_header) + PE32_PLUS_RVA_COUNT + 4 +
			      (SECURITY_DIRECTORY + 1) * 8;
	uint32_t offset, count, length;
	const uint8_t *optional;
	uint16_t magic;

	if (size < 64 || memcmp(head, "MZ", 2) != 0)
		return false;
	memcpy(&offset, head + 0x3c, sizeof(offset));
	offset = le32toh(offset);
	if (offset > size || size - offset < needed || memcmp(head + offset, "PE\0\0", 4) != 0)
		return false;
	optional = head + offset + 4 + sizeof(struct coff_header);
	memcpy(&magic, optional, sizeof(magic));
	optional += le16toh(magic) == OPTIONAL_MAGIC_PE32 ? PE32_RVA_COUNT : PE32_PLUS_RVA_COUNT;
	memcpy(&count, optional, sizeof(count));
	memcpy(&length, optional + 4 + SECURITY_DIRECTORY * 8 + 4, sizeof(length));
	return le32toh(count) > SECURITY_DIRECTORY && length != 0;
}
