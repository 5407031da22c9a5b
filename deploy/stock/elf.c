/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "elf.h"

#include <elf.h>
#include <endian.h>
#include <stdbool.h>
#include <string.h>

#include "base/util.h"

/* Both sizes of file have the same fields: read as the larger one. */
struct file {
	const uint8_t *bytes;
	size_t size;
	bool is_64;
	uint64_t headers; /* of the program, where they are */
	size_t n_headers;
};

static bool lies_inside(const struct file *file, uint64_t offset, uint64_t size)
{
	return offset <= file->size && size <= file->size - offset;
}

/* A text that ends inside the file; NULL if it does not. */
static const char *text_at(const struct file *file, uint64_t offset, uint64_t end)
{
	if (end > file->size || offset >= end ||
		!memchr(file->bytes + offset, 0, (size_t)(end - offset)))
		return NULL;
	return (const char *)file->bytes + offset;
}

static int read_head(struct file *file, uint16_t *ret_machine)
{
	Elf64_Ehdr large;
	Elf32_Ehdr small;

	if (file->size < sizeof(small) || memcmp(file->bytes, ELFMAG, SELFMAG) != 0 ||
		file->bytes[EI_DATA] != ELFDATA2LSB)
		return -ERR_FOREIGN;
	file->is_64 = file->bytes[EI_CLASS] == ELFCLASS64;
	if (!file->is_64) {
		memcpy(&small, file->bytes, sizeof(small));
		*ret_machine = le16toh(small.e_machine);
		file->headers = le32toh(small.e_phoff);
		file->n_headers = le16toh(small.e_phnum);
		return le16toh(small.e_phentsize) == sizeof(Elf32_Phdr) ? 0 : -ERR_DAMAGED;
	}
	if (file->size < sizeof(large))
		return -ERR_DAMAGED;
	memcpy(&large, file->bytes, sizeof(large));
	*ret_machine = le16toh(large.e_machine);
	file->headers = le64toh(large.e_phoff);
	file->n_headers = le16toh(large.e_phnum);
	return le16toh(large.e_phentsize) == sizeof(Elf64_Phdr) ? 0 : -ERR_DAMAGED;
}

/* Program header @i: its type, and its part of the file and of memory. */
static void read_header(const struct file *file, size_t i, Elf64_Phdr *ret_header)
{
	Elf64_Phdr large;
	Elf32_Phdr small;

	if (!file->is_64) {
		memcpy(&small, file->bytes + file->headers + i * sizeof(small), sizeof(small));
		*ret_header = (Elf64_Phdr){.p_type = le32toh(small.p_type),
			.p_offset = le32toh(small.p_offset),
			.p_vaddr = le32toh(small.p_vaddr),
			.p_filesz = le32toh(small.p_filesz)};
		return;
	}
	memcpy(&large, file->bytes + file->headers + i * sizeof(large), sizeof(large));
	*ret_header = (Elf64_Phdr){.p_type = le32toh(large.p_type),
		.p_offset = le64toh(large.p_offset),
		.p_vaddr = le64toh(large.p_vaddr),
		.p_filesz = le64toh(large.p_filesz)};
}

/* Dynamic entry @i of the part at @offset. */
static void read_dynamic(const struct file *file, uint64_t offset, size_t i, Elf64_Dyn *ret_entry)
{
	Elf64_Dyn large;
	Elf32_Dyn small;

	if (!file->is_64) {
		memcpy(&small, file->bytes + offset + i * sizeof(small), sizeof(small));
		*ret_entry = (Elf64_Dyn){.d_tag = (Elf64_Sxword)le32toh((uint32_t)small.d_tag),
			.d_un.d_val = le32toh(small.d_un.d_val)};
		return;
	}
	memcpy(&large, file->bytes + offset + i * sizeof(large), sizeof(large));
	*ret_entry = (Elf64_Dyn){.d_tag = (Elf64_Sxword)le64toh((uint64_t)large.d_tag),
		.d_un.d_val = le64toh(large.d_un.d_val)};
}

/* Where in the file the address @address comes from. */
static int find_address(const struct file *file, uint64_t address, uint64_t *ret_offset)
{
	for (size_t i = 0; i < file->n_headers; i++) {
		Elf64_Phdr header;

		read_header(file, i, &header);
		if (header.p_type != PT_LOAD || address < header.p_vaddr ||
			address - header.p_vaddr >= header.p_filesz)
			continue;
		*ret_offset = header.p_offset + (address - header.p_vaddr);
		return 0;
	}
	return -ERR_DAMAGED;
}

static int read_needed(const struct file *file, const Elf64_Phdr *dynamic, struct elf *elf)
{
	size_t entry_size = file->is_64 ? sizeof(Elf64_Dyn) : sizeof(Elf32_Dyn);
	size_t n = (size_t)dynamic->p_filesz / entry_size, n_needed = 0;
	uint64_t texts = 0, texts_size = 0;
	Elf64_Dyn entry;
	int r = 0;

	if (!lies_inside(file, dynamic->p_offset, dynamic->p_filesz))
		return -ERR_DAMAGED;
	for (size_t i = 0; r == 0 && i < n; i++) {
		read_dynamic(file, dynamic->p_offset, i, &entry);
		if (entry.d_tag == DT_NULL)
			break;
		if (entry.d_tag == DT_STRTAB)
			r = find_address(file, entry.d_un.d_val, &texts);
		else if (entry.d_tag == DT_STRSZ)
			texts_size = entry.d_un.d_val;
	}
	if (r == 0 && !lies_inside(file, texts, texts_size))
		r = -ERR_DAMAGED;
	for (size_t i = 0; r == 0 && i < n; i++) {
		read_dynamic(file, dynamic->p_offset, i, &entry);
		if (entry.d_tag == DT_NULL)
			break;
		if (entry.d_tag != DT_NEEDED)
			continue;
		if (n_needed == ELF_NEEDED_MAX)
			return -ERR_TOO_LARGE;
		if (entry.d_un.d_val >= texts_size)
			return -ERR_DAMAGED;
		elf->needed[n_needed] = text_at(file, texts + entry.d_un.d_val, texts + texts_size);
		if (!elf->needed[n_needed++])
			return -ERR_DAMAGED;
	}
	return r;
}

int elf_parse(const void *bytes, size_t size, struct elf *ret_elf)
{
	struct file file = {.bytes = bytes, .size = size};
	struct elf elf = {0};
	int r = read_head(&file, &elf.machine);
	size_t header_size = file.is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);

	if (r == 0 && !lies_inside(&file, file.headers, file.n_headers * header_size))
		r = -ERR_DAMAGED;
	for (size_t i = 0; r == 0 && i < file.n_headers; i++) {
		Elf64_Phdr header;

		read_header(&file, i, &header);
		if (header.p_type == PT_INTERP) {
			if (!lies_inside(&file, header.p_offset, header.p_filesz))
				return -ERR_DAMAGED;
			elf.interpreter =
				text_at(&file, header.p_offset, header.p_offset + header.p_filesz);
			r = elf.interpreter ? 0 : -ERR_DAMAGED;
		} else if (header.p_type == PT_DYNAMIC) {
			r = read_needed(&file, &header, &elf);
		}
	}
	if (r == 0)
		*ret_elf = elf;
	return r;
}
