/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "kernel.h"

#include <ctype.h>
#include <endian.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "authenticode.h"
#include "base/file.h"
#include "base/log.h"
#include "base/util.h"

#define CHUNK (128u * 1024u)

/* The x86 boot protocol's header (Linux, Documentation/arch/x86/boot.rst, "The Real-Mode Kernel
 * Header"): offsets in the file, little-endian. */
#define X86_SETUP_SECTS	   0x1f1u /* u8; 0 means 4 */
#define X86_SYSSIZE	   0x1f4u /* u32, in units of 16 bytes */
#define X86_BOOT_FLAG	   0x1feu /* u16, 0xaa55 */
#define X86_MAGIC	   0x202u /* "HdrS" */
#define X86_VERSION	   0x206u /* u16 */
#define X86_KERNEL_VERSION 0x20eu /* u16: the version string's offset, minus 0x200 */
#define X86_HEADER_END	   0x268u

/* The protocol version that introduced the CRC-32 at the end. */
#define X86_VERSION_MIN 0x0208u

/* Linux dropped the CRC-32 from its x86 image in this version. */
#define CRC_DROPPED_MAJOR 6u
#define CRC_DROPPED_MINOR 15u

/* The arm64 header (Linux, Documentation/arch/arm64/booting.rst, "Call the kernel image"). */
#define ARM64_IMAGE_SIZE 16u /* u64; includes the memory after the file that the kernel clears */
#define ARM64_MAGIC	 56u /* "ARM\x64" */
#define ARM64_HEADER_END 64u

/* What every kernel prints first when it starts: `Linux version 6.1.0-13-arm64 (...`. */
static const char banner[] = "Linux version ";

static uint16_t get_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get_u32(const uint8_t *p)
{
	return get_u16(p) | (uint32_t)get_u16(p + 2) << 16;
}

static bool is_bzimage(const uint8_t *head, uint64_t size)
{
	return size >= X86_HEADER_END && get_u16(head + X86_BOOT_FLAG) == 0xaa55 &&
	       memcmp(head + X86_MAGIC, "HdrS", 4) == 0;
}

static bool is_arm64(const uint8_t *head, uint64_t size)
{
	return size >= ARM64_HEADER_END && memcmp(head + ARM64_MAGIC, "ARM\x64", 4) == 0;
}

static bool is_release_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("+-._~", c));
}

bool kernel_is_release(const char *text, size_t length)
{
	size_t n = 0;

	while (n < length && is_release_character(text[n]))
		n++;
	return n == length && n > 0 && n < KERNEL_RELEASE_MAX && text[0] != '.';
}

/* Copy the release at the start of a version text: up to the space, within @size bytes. */
static int copy_release(const uint8_t *text, uint64_t size, char ret_release[KERNEL_RELEASE_MAX])
{
	size_t n = 0;

	while (n < size && n < KERNEL_RELEASE_MAX && is_release_character((char)text[n]))
		n++;
	/* The end must have been seen, otherwise this may be only part of the name. */
	if (n == size || n == KERNEL_RELEASE_MAX || (text[n] != ' ' && text[n] != '\0'))
		return -ERR_FOREIGN;
	if (!isdigit(text[0]))
		return -ERR_FOREIGN;
	memcpy(ret_release, text, n);
	ret_release[n] = '\0';
	return 0;
}

static uint64_t x86_setup_size(const uint8_t *head)
{
	unsigned int sectors = head[X86_SETUP_SECTS];

	return ((sectors == 0 ? 4u : sectors) + 1u) * 512u;
}

static int x86_release(const uint8_t *head, uint64_t size, char ret_release[KERNEL_RELEASE_MAX])
{
	uint64_t at = 0x200u + get_u16(head + X86_KERNEL_VERSION);
	uint64_t end = MIN(size, x86_setup_size(head));

	if (at == 0x200u || at >= end)
		return -ERR_FOREIGN;
	return copy_release(head + at, end - at, ret_release);
}

static int find_banner(const uint8_t *data, size_t size, char ret_release[KERNEL_RELEASE_MAX])
{
	const uint8_t *p = data, *end = data + size;

	while ((p = memmem(p, (size_t)(end - p), banner, sizeof(banner) - 1))) {
		p += sizeof(banner) - 1;
		if (copy_release(p, (uint64_t)(end - p), ret_release) == 0)
			return 0;
	}
	return -ERR_FOREIGN;
}

int kernel_release(const void *head, uint64_t size, char ret_release[KERNEL_RELEASE_MAX])
{
	if (is_bzimage(head, size))
		return x86_release(head, size, ret_release);
	if (is_arm64(head, size))
		return find_banner(head, (size_t)size, ret_release);
	return -ERR_FOREIGN;
}

static int read_error(const char *name, int r)
{
	return report(r, "%s: cannot read the kernel", name);
}

/* Does a kernel of this release end with a CRC-32? */
static bool has_crc(const char *release)
{
	unsigned int major = 0, minor = 0;

	if (sscanf(release, "%u.%u", &major, &minor) != 2)
		return true;
	return major < CRC_DROPPED_MAJOR ||
	       (major == CRC_DROPPED_MAJOR && minor < CRC_DROPPED_MINOR);
}

/* The last 4 of the @size bytes make the whole's CRC-32 come out as zero before its final inversion
 * (boot.rst, "The Image Checksum"). */
static int x86_check_crc(int fd, const char *name, uint64_t size)
{
	autofree uint8_t *buffer = malloc(CHUNK);
	uLong crc = crc32(0, NULL, 0);

	if (!buffer)
		return -ENOMEM;
	for (uint64_t at = 0; at < size;) {
		size_t n = (size_t)MIN(size - at, (uint64_t)CHUNK);
		int r = file_read(fd, buffer, n, at);

		if (r < 0)
			return read_error(name, r);
		crc = crc32(crc, buffer, (uInt)n);
		at += n;
	}
	if (crc != 0xffffffffu)
		return refuse(-ERR_REFUSED,
			"%s: the kernel is damaged: its content does not match its CRC-32", name);
	return 0;
}

static int x86_read(int fd, const char *name, const uint8_t *head, uint64_t head_size,
	uint64_t file_size, const struct pe *pe, struct kernel *kernel)
{
	uint64_t size = x86_setup_size(head) + get_u32(head + X86_SYSSIZE) * (uint64_t)16;
	uint16_t version = get_u16(head + X86_VERSION);

	kernel->machine = "x86";
	if (version < X86_VERSION_MIN)
		return refuse(-ERR_REFUSED,
			"%s: the kernel uses boot protocol %u.%02u, 2.08 or later is needed", name,
			version >> 8, version & 0xffu);
	if (x86_release(head, head_size, kernel->release) < 0)
		return refuse(-ERR_REFUSED, "%s: the kernel contains no version", name);
	if (get_u32(head + X86_SYSSIZE) == 0 || size > file_size)
		return refuse(-ERR_REFUSED,
			"%s: the kernel is truncated: it has %llu bytes, its header says %llu",
			name, (unsigned long long)file_size, (unsigned long long)size);
	if (!pe || pe->table_size == 0)
		return has_crc(kernel->release) ? x86_check_crc(fd, name, size) : 0;
	return 0;
}

/* The release is in the kernel's data, some ten MiB after its start: search the file, in pieces
 * that overlap by the longest text that can match. */
static int arm64_find_release(
	int fd, const char *name, uint64_t file_size, char ret_release[KERNEL_RELEASE_MAX])
{
	const size_t overlap = sizeof(banner) - 1 + KERNEL_RELEASE_MAX;
	autofree uint8_t *buffer = malloc(CHUNK);

	if (!buffer)
		return -ENOMEM;
	for (uint64_t at = 0; at < file_size; at += CHUNK - overlap) {
		size_t n = (size_t)MIN(file_size - at, (uint64_t)CHUNK);
		int r = file_read(fd, buffer, n, at);

		if (r < 0)
			return read_error(name, r);
		if (find_banner(buffer, n, ret_release) == 0)
			return 0;
	}
	return refuse(-ERR_REFUSED, "%s: the kernel contains no version", name);
}

static int arm64_read(int fd, const char *name, const uint8_t *head, uint64_t file_size,
	const struct pe *pe, struct kernel *kernel)
{
	uint64_t content = pe ? (pe->table_size > 0 ? pe->table : pe->raw_end) : file_size;
	uint64_t size;

	kernel->machine = "arm64";
	memcpy(&size, head + ARM64_IMAGE_SIZE, sizeof(size));
	size = le64toh(size);
	if (size == 0 || content > size + 4096)
		return refuse(-ERR_REFUSED, "%s: the kernel has %llu bytes, its header says %llu",
			name, (unsigned long long)content, (unsigned long long)size);
	return arm64_find_release(fd, name, file_size, kernel->release);
}

/* Newer arm64 kernels may be compressed, with their own decompressor (Linux, drivers/firmware/
 * efi/libstub/zboot-header.S). */
static bool is_zboot(const uint8_t *head, uint64_t size)
{
	return size >= 28 && memcmp(head, "MZ", 2) == 0 && memcmp(head + 4, "zimg", 4) == 0;
}

int kernel_read(int fd, const char *name, struct kernel *ret_kernel)
{
	/* The x86 version string is in the setup part: at most 256 sectors. */
	const size_t head_max = 256 * 512;
	autofree uint8_t *head = malloc(head_max);
	struct kernel kernel = {0};
	struct pe pe;
	bool is_pe;
	struct stat st;
	uint64_t size, head_size;
	int r;

	if (!head)
		return -ENOMEM;
	if (fstat(fd, &st) < 0)
		return read_error(name, -errno);
	if (!S_ISREG(st.st_mode))
		return refuse(-ERR_REFUSED, "%s: the kernel is not a regular file", name);
	size = (uint64_t)st.st_size;
	if (size == 0)
		return refuse(-ERR_REFUSED, "%s: the kernel is empty", name);
	head_size = MIN(size, (uint64_t)head_max);
	r = file_read(fd, head, (size_t)head_size, 0);
	if (r < 0)
		return read_error(name, r);

	if (is_zboot(head, head_size))
		return refuse(-ERR_REFUSED,
			"%s: the kernel is a compressed EFI image (zboot), which is not "
			"supported yet",
			name);
	if (!is_bzimage(head, head_size) && !is_arm64(head, head_size))
		return refuse(-ERR_REFUSED,
			"%s: this is not a Linux kernel for x86 or arm64, or it is truncated",
			name);

	r = pe_read(fd, name, size, &pe);
	if (r < 0 && r != -ERR_FOREIGN)
		return r;
	is_pe = r == 0;
	kernel.is_signed = is_pe && pe.table_size > 0;

	if (is_bzimage(head, head_size))
		r = x86_read(fd, name, head, head_size, size, is_pe ? &pe : NULL, &kernel);
	else
		r = arm64_read(fd, name, head, size, is_pe ? &pe : NULL, &kernel);
	if (r < 0)
		return r;
	if (kernel.is_signed) {
		r = authenticode_check_digest(fd, name, &pe);
		if (r < 0)
			return r;
	}

	*ret_kernel = kernel;
	return 0;
}
