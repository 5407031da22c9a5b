/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "efiprogram.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "log.h"
#include "pe.h"
#include "util.h"

/* GRUB's modules, in a section of that name (grub/kernel.h): a header, then one object after the
 * other, each with its own. Sizes in the header are as long as a pointer of the machine. */
#define MODULES_SECTION "mods"
#define MODULES_MAGIC	0x676d696du
#define OBJECT_PREFIX	3u

struct object_header {
	uint32_t type; /* 0: OBJ_TYPE_... */
	uint32_t size; /* 4: with this header */
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

static int inspect(int fd, const char *path, struct efiprogram *program)
{
	uint64_t offset, size;
	struct pe pe;
	int r;

	r = pe_read(fd, path, program->size, &pe);
	if (r == -ENOEXEC) {
		log_error("%s: is no program for UEFI", path);
		return -ERR_REFUSED;
	}
	if (r < 0)
		return r;
	program->is_signed = pe.table_size > 0;
	if (pe_find_section(fd, &pe, MODULES_SECTION, &offset, &size) == 0)
		program->prefix = find_prefix((const uint8_t *)program->data + offset, (size_t)size,
			pe.machine != PE_MACHINE_I386);
	return 0;
}

int efiprogram_read(const char *path, void *data, size_t size, struct efiprogram *ret_program)
{
	cleanup(efiprogram_clear) struct efiprogram program = {.data = data, .size = size};
	autoclose int fd = memfd_create("program", MFD_CLOEXEC);
	const char *slash = strrchr(path, '/');
	int r;

	program.name = strdup(slash ? slash + 1 : path);
	if (!program.name)
		return -ENOMEM;
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		return -EIO;
	r = inspect(fd, path, &program);
	if (r < 0)
		return r;
	*ret_program = program;
	program = (struct efiprogram){0};
	return 0;
}

void efiprogram_clear(struct efiprogram *program)
{
	free(program->name);
	free(program->data);
	free(program->prefix);
	*program = (struct efiprogram){0};
}
