/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "efiprogram.h"

#include <endian.h>
#include <openssl/x509.h>
#include <stdint.h>
#include <string.h>

#include "base/log.h"
#include "base/tempfile.h"
#include "base/text.h"
#include "base/util.h"
#include "kernel/authenticode.h"
#include "kernel/pe.h"

/* GRUB's modules, in a section of that name (grub/kernel.h): a header, then one object after
 * another, each with its own. Sizes in the header are as long as the machine's pointers. */
#define MODULES_SECTION "mods"
#define MODULES_MAGIC	0x676d696du
#define OBJECT_PREFIX	3u

struct object_header {
	uint32_t type; /* 0: OBJ_TYPE_... */
	uint32_t size; /* 4: including this header */
} __attribute__((packed));

static uint64_t get_size(const uint8_t *p, bool is_64)
{
	uint64_t size = 0;

	memcpy(&size, p, is_64 ? 8 : 4);
	return le64toh(size);
}

/* The text of the prefix object in the section @mods; NULL: there is none. */
static char *find_prefix(const uint8_t *mods, size_t size, bool is_64)
{
	struct object_header header;
	uint64_t at, end;
	uint32_t magic;

	if (size < 24)
		return NULL;
	memcpy(&magic, mods, sizeof(magic));
	if (le32toh(magic) != MODULES_MAGIC)
		return NULL;
	at = get_size(mods + (is_64 ? 8 : 4), is_64);
	end = MIN(get_size(mods + (is_64 ? 16 : 8), is_64), size);
	while (at < end && end - at >= sizeof(header)) {
		uint32_t length;

		memcpy(&header, mods + at, sizeof(header));
		length = le32toh(header.size);
		if (length < sizeof(header) || length > end - at)
			return NULL;
		if (le32toh(header.type) == OBJECT_PREFIX)
			return strndup(
				(const char *)mods + at + sizeof(header), length - sizeof(header));
		at += length;
	}
	return NULL;
}

/* shim's .vendor_cert section (its cert.S): sizes and offsets, from the section's start, of what it
 * trusts and of what it does not. */
struct vendor_header {
	uint32_t trusted_size;	  /* 0 */
	uint32_t distrusted_size; /* 4 */
	uint32_t trusted;	  /* 8 */
	uint32_t distrusted;	  /* 12 */
} __attribute__((packed));

static void free_certificate(X509 **certificate)
{
	X509_free(*certificate);
}

static void free_key(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

/* A copy of @size bytes with a 0 after them; NULL if there is no memory. */
static char *copy(const void *bytes, size_t size)
{
	char *text = malloc(size + 1);

	if (text) {
		memcpy(text, bytes, size);
		text[size] = '\0';
	}
	return text;
}

static void find_vendor(const uint8_t *section, size_t size, struct efiprogram *program)
{
	struct vendor_header header;

	if (size < sizeof(header))
		return;
	memcpy(&header, section, sizeof(header));
	if (le32toh(header.trusted) > size ||
		le32toh(header.trusted_size) > size - le32toh(header.trusted))
		return;
	program->vendor_size = le32toh(header.trusted_size);
	program->vendor = copy(section + le32toh(header.trusted), program->vendor_size);
}

static void take_signer(void *data, X509 *certificate)
{
	struct efiprogram *program = data;

	for (size_t i = 0; i < EFIPROGRAM_SIGNERS; i++) {
		if (program->signers[i])
			continue;
		X509_up_ref(certificate);
		program->signers[i] = certificate;
		return;
	}
}

static int inspect(int fd, const char *path, struct efiprogram *program)
{
	const uint8_t *bytes = program->data;
	uint64_t offset, size;
	struct pe pe;
	int r;

	r = pe_read(fd, path, program->size, &pe);
	if (r == -ERR_FOREIGN)
		return refuse(-ERR_REFUSED, "%s: is not a UEFI program", path);
	if (r < 0)
		return r;
	program->machine = pe.machine;
	program->is_signed = pe.table_size > 0;
	if (program->is_signed && authenticode_signers(fd, &pe, take_signer, program) < 0)
		log_warning("%s: its signatures cannot be read", path);
	if (pe_find_section(fd, &pe, MODULES_SECTION, &offset, &size) == 0)
		program->prefix =
			find_prefix(bytes + offset, (size_t)size, pe.machine != PE_MACHINE_I386);
	if (pe_find_section(fd, &pe, ".sbat", &offset, &size) == 0)
		program->sbat = copy(bytes + offset, (size_t)size);
	if (pe_find_section(fd, &pe, ".vendor_cert", &offset, &size) == 0)
		find_vendor(bytes + offset, (size_t)size, program);
	return 0;
}

int efiprogram_read(const char *path, void *data, size_t size, struct efiprogram *ret_program)
{
	cleanup(efiprogram_clear) struct efiprogram program = {.data = data, .size = size};
	autoclose int fd = -1;
	const char *slash = strrchr(path, '/');
	int r;

	program.name = strdup(slash ? slash + 1 : path);
	if (!program.name)
		return -ENOMEM;
	r = tempfile_with(data, size, &fd);
	if (r < 0)
		return report(r, "%s: cannot keep it in memory", path);
	r = inspect(fd, path, &program);
	if (r < 0)
		return r;
	*ret_program = program;
	program = (struct efiprogram){0};
	return 0;
}

bool efiprogram_issuer(
	const struct efiprogram *program, size_t i, char ret_issuer[EFIPROGRAM_ISSUER])
{
	if (i >= EFIPROGRAM_SIGNERS || !program->signers[i])
		return false;
	if (X509_NAME_get_text_by_NID(X509_get_issuer_name(program->signers[i]), NID_commonName,
		    ret_issuer, EFIPROGRAM_ISSUER) < 0)
		snprintf(ret_issuer, EFIPROGRAM_ISSUER, "an authority without a name");
	text_make_safe(ret_issuer);
	return true;
}

/* Lines of "component,generation,..." (shim, SBAT.md). */
unsigned int efiprogram_generation(const struct efiprogram *program, const char *component)
{
	size_t length = strlen(component);

	for (const char *line = program->sbat; line && *line;) {
		if (strncmp(line, component, length) == 0 && line[length] == ',')
			return (unsigned int)strtoul(line + length + 1, NULL, 10);
		line = strchr(line, '\n');
		line += line != NULL;
	}
	return 0;
}

bool efiprogram_is_trusted_by(const struct efiprogram *program, const struct efiprogram *shim)
{
	const unsigned char *der = (const unsigned char *)shim->vendor;
	cleanup(free_certificate) X509 *vendor = NULL;
	cleanup(free_key) EVP_PKEY *key = NULL;

	if (shim->vendor)
		vendor = d2i_X509(NULL, &der, (long)shim->vendor_size);
	if (vendor)
		key = X509_get_pubkey(vendor);
	for (size_t i = 0; key && i < EFIPROGRAM_SIGNERS && program->signers[i]; i++)
		if (X509_cmp(program->signers[i], vendor) == 0 ||
			X509_verify(program->signers[i], key) == 1)
			return true;
	return false;
}

void efiprogram_clear(struct efiprogram *program)
{
	for (size_t i = 0; i < EFIPROGRAM_SIGNERS; i++)
		X509_free(program->signers[i]);
	free(program->sbat);
	free(program->vendor);
	free(program->name);
	free(program->data);
	free(program->prefix);
	*program = (struct efiprogram){0};
}
