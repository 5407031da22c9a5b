/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A UEFI boot loader, and what it states about itself.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EFIPROGRAM_SIGNERS 4u
#define EFIPROGRAM_ISSUER  128u

struct x509_st;

struct efiprogram {
	char *name; /* of the file, "bootx64.efi" */
	void *data;
	size_t size;
	uint16_t machine;			     /* PE_MACHINE_... */
	bool is_signed;				     /* by anyone */
	struct x509_st *signers[EFIPROGRAM_SIGNERS]; /* as it states itself; NULL: no more */
	char *prefix; /* of a GRUB: the folder of its grub.cfg, built in; NULL: not a GRUB */
	char *sbat;   /* the text of its .sbat section; NULL: none */
	char *vendor; /* of a shim: the certificate (DER) it trusts besides the firmware's */
	size_t vendor_size;
};

/**
 * Examine the program @data of @size bytes; takes ownership of it, also on failure. @path is for
 * messages, its last component becomes the name. Reports. Returns -ERR_REFUSED if it is not a UEFI
 * program; -errno. Free it with efiprogram_clear().
 */
int efiprogram_read(const char *path, void *data, size_t size, struct efiprogram *ret_program);

/** The name of the authority that issued signer @i's certificate; false: there is no such signer.
 */
bool efiprogram_issuer(
	const struct efiprogram *program, size_t i, char ret_issuer[EFIPROGRAM_ISSUER]);

/** The generation its .sbat states for @component ("shim", "grub.debian"); 0: none. */
unsigned int efiprogram_generation(const struct efiprogram *program, const char *component);

/** Is one of its signers certified by the certificate that @shim trusts? */
bool efiprogram_is_trusted_by(const struct efiprogram *program, const struct efiprogram *shim);

void efiprogram_clear(struct efiprogram *program);
