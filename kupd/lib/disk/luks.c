/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "luks.h"

#include <endian.h>
#include <libcryptsetup.h>
#include <string.h>

#include "base/file.h"
#include "base/tempfile.h"
#include "base/text.h"
#include "base/util.h"

/* LUKS2 On-Disk Format Specification 2.1: the largest header, binary part and JSON. */
#define LUKS2_HEADER_MAX (4u * MIB)
#define LUKS2_HEADER_MIN 16384u

/* LUKS1: the header proper has 592 bytes; the key material after it is not needed. */
#define LUKS1_HEADER 4096u

/* Both versions start with a magic and a version (LUKS2: "Binary Header"; offsets 0, 6); then LUKS2
 * has the size of one copy of the header, binary part and JSON, at offset 8. All big-endian. */
struct luks_start {
	uint8_t magic[6];     /* 0 */
	uint16_t version;     /* 6 */
	uint64_t header_size; /* 8: LUKS2 only */
} __attribute__((packed));
static const uint8_t luks_magic[6] = {'L', 'U', 'K', 'S', 0xba, 0xbe};

/* The second copy of a LUKS2 header lies at the offset that equals the header's size, a power of
 * two, and has its own magic. */
static const uint8_t second_magic[6] = {'S', 'K', 'U', 'L', 0xba, 0xbe};

/* The superblock of ext2, ext3 and ext4: its magic, little-endian, at byte 56 of byte 1024. */
#define EXT_MAGIC_OFFSET 1080u
#define EXT_MAGIC	 0xef53u

static void crypt_freep(struct crypt_device **device)
{
	crypt_free(*device);
}

/* Messages are up to the caller. */
static void ignore_log(int level, const char *text, void *data)
{
	(void)level;
	(void)text;
	(void)data;
}

/* The first copy has no magic: is the second one there? cryptsetup opens such a volume. Remains of
 * a header under a newer file system do not count. */
static int second_header_size(const struct disk *disk, struct extent partition, uint64_t *ret_size)
{
	struct luks_start start;
	uint16_t ext;
	int r;

	r = disk_read_medium(disk, partition.start + EXT_MAGIC_OFFSET, &ext, sizeof(ext));
	if (r < 0)
		return r;
	if (le16toh(ext) == EXT_MAGIC)
		return -ENOENT;
	for (uint64_t at = LUKS2_HEADER_MIN; at <= LUKS2_HEADER_MAX; at *= 2) {
		if (at + sizeof(start) > partition.size)
			break;
		r = disk_read_medium(disk, partition.start + at, &start, sizeof(start));
		if (r < 0)
			return r;
		if (memcmp(start.magic, second_magic, sizeof(second_magic)) == 0 &&
			be16toh(start.version) == 2 && be64toh(start.header_size) == at) {
			*ret_size = MIN(2 * at, partition.size);
			return 0;
		}
	}
	return -ENOENT;
}

/* How many bytes the header takes at the start of the partition. */
static int header_size(const struct disk *disk, struct extent partition, uint64_t *ret_size)
{
	struct luks_start start;
	uint64_t size;
	int r;

	if (partition.size < LUKS1_HEADER)
		return -ENOENT;
	r = disk_read_medium(disk, partition.start, &start, sizeof(start));
	if (r < 0)
		return r;
	if (memcmp(start.magic, luks_magic, sizeof(luks_magic)) != 0)
		return second_header_size(disk, partition, ret_size);

	switch (be16toh(start.version)) {
	case 1:
		size = LUKS1_HEADER;
		break;
	case 2:
		size = be64toh(start.header_size);
		if (size < LUKS2_HEADER_MIN || size > LUKS2_HEADER_MAX)
			return -ERR_DAMAGED;
		size *= 2; /* the second copy may be the good one */
		break;
	default:
		return -ERR_DAMAGED;
	}
	*ret_size = MIN(size, partition.size);
	return 0;
}

/* Make a file in memory, as large as the partition, that holds its first @size bytes. */
static int copy_header(const struct disk *disk, struct extent partition, uint64_t size, int *ret_fd)
{
	autoclose int fd = -1;
	autofree char *buffer = disk_buffer(LUKS2_HEADER_MIN);
	int r;

	if (!buffer)
		return -ENOMEM;
	r = tempfile_in_memory(partition.size, &fd);
	if (r < 0)
		return r;
	for (uint64_t at = 0; at < size; at += LUKS2_HEADER_MIN) {
		size_t n = (size_t)MIN(size - at, (uint64_t)LUKS2_HEADER_MIN);

		r = disk_read_medium(disk, partition.start + at, buffer, n);
		if (r == 0)
			r = file_write(fd, buffer, n, at);
		if (r < 0)
			return r;
	}
	*ret_fd = steal_fd(&fd);
	return 0;
}

static int add_cipher(struct luks *luks, const char *text)
{
	size_t i = 0;

	if (!text || strlen(text) >= sizeof(luks->ciphers[0]))
		return -ERR_DAMAGED;
	while (luks->ciphers[i][0] && strcmp(luks->ciphers[i], text) != 0)
		if (++i == LUKS_CIPHERS_MAX)
			return -ERR_DAMAGED;
	strcpy(luks->ciphers[i], text);
	return 0;
}

/* A keyslot may be encrypted with a different cipher than the data. Inactive ones do not count. */
static int read_ciphers(struct crypt_device *device, struct luks *luks)
{
	const char *cipher = crypt_get_cipher(device), *mode = crypt_get_cipher_mode(device);
	autofree char *of_data = cipher && mode ? text_new("%s-%s", cipher, mode) : NULL;
	int r;

	r = add_cipher(luks, of_data);
	for (int slot = 0; r == 0 && slot < crypt_keyslot_max(luks->type); slot++) {
		crypt_keyslot_info info = crypt_keyslot_status(device, slot);
		size_t key_size;

		if (info == CRYPT_SLOT_ACTIVE || info == CRYPT_SLOT_ACTIVE_LAST)
			r = add_cipher(luks, crypt_keyslot_get_encryption(device, slot, &key_size));
	}
	return r;
}

int luks_read(const struct disk *disk, struct extent partition, struct luks *ret_luks)
{
	cleanup(crypt_freep) struct crypt_device *device = NULL;
	autoclose int fd = -1;
	struct luks luks = {0};
	char path[64];
	uint64_t size;
	int r;

	r = header_size(disk, partition, &size);
	if (r < 0)
		return r;
	r = copy_header(disk, partition, size, &fd);
	if (r < 0)
		return r;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = crypt_init(&device, path);
	if (r < 0)
		return r;
	crypt_set_log_callback(device, ignore_log, NULL);
	r = crypt_load(device, CRYPT_LUKS, NULL);
	/* This is what libcryptsetup returns for a header whose checksum or JSON is wrong. */
	if (r == -EINVAL)
		return -ERR_DAMAGED;
	if (r < 0)
		return r;

	snprintf(luks.type, sizeof(luks.type), "%s", crypt_get_type(device));
	r = read_ciphers(device, &luks);
	if (r < 0)
		return r;
	*ret_luks = luks;
	return 0;
}
