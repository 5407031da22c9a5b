/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What a program or shared library in ELF asks for before it runs (System V ABI, chapters 4 and 5):
 * the machine, the loader, the libraries.
 */

#include <stddef.h>
#include <stdint.h>

#define ELF_NEEDED_MAX 64u

struct elf {
	uint16_t machine;			/* EM_X86_64 and so on */
	const char *interpreter;		/* PT_INTERP; NULL: none */
	const char *needed[ELF_NEEDED_MAX + 1]; /* DT_NEEDED, NULL-terminated */
};

/** Parse the @size bytes at @bytes; the texts in @ret_elf lie in them. Little-endian files of 32
 * and 64 bits. Returns -ERR_FOREIGN if it is not one; -ERR_DAMAGED if it contradicts itself;
 * -ERR_TOO_LARGE if it needs more than ELF_NEEDED_MAX libraries. */
int elf_parse(const void *bytes, size_t size, struct elf *ret_elf);
