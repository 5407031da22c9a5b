/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A PE/COFF image (Microsoft PE format), to the extent that a kernel with an EFI stub is one.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PE_MACHINE_I386	 0x014cu
#define PE_MACHINE_AMD64 0x8664u
#define PE_MACHINE_ARM64 0xaa64u

struct pe {
	uint64_t file_size;	 /* bytes, as is all that follows */
	uint64_t checksum;	 /* where the optional header's CheckSum field is: 4 bytes */
	uint64_t security_entry; /* where the certificate table's directory entry is: 8 bytes; 0:
				    none */
	uint64_t table;		 /* the certificate table */
	uint64_t table_size;	 /* 0: not signed */
	uint64_t raw_end;	 /* where the last section's content ends */
	uint64_t sections;	 /* the section table */
	uint16_t section_count;
	uint64_t long_names; /* the table of names of more than 8 bytes; 0: none */
	uint16_t machine;    /* PE_MACHINE_... */
};

/**
 * Read the headers of the image open at @fd (a regular file of @file_size bytes) and check that the
 * content of every section and the certificate table lie inside the file. @name is the path, for
 * messages. Reports what is wrong, but not that the file is not a PE image. Returns -ERR_FOREIGN if
 * it is not a PE image, -ERR_REFUSED if it is truncated or contradicts itself; -errno of read(2).
 */
int pe_read(int fd, const char *name, uint64_t file_size, struct pe *ret_pe);

/** Where the content of the section @name (".sbat") lies in the file, in bytes. Returns -ENOENT if
 * there is none; -errno of read(2). */
int pe_find_section(
	int fd, const struct pe *pe, const char *name, uint64_t *ret_offset, uint64_t *ret_size);

/** Is the image whose first bytes are @head signed? Also false if it is not a PE image or its
 * headers extend beyond these bytes. */
bool pe_head_is_signed(const uint8_t *head, size_t size);
