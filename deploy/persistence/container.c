/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "container.h"

#include <endian.h>
#include <libcryptsetup.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/log.h"
#include "base/tempfile.h"
#include "base/util.h"
#include "secret.h"

#define CIPHER	 "aes"
#define MODE	 "xts-plain64"
#define KEY_SIZE 64u /* two AES-256 keys */

/* Not "persistence": live-boot would take it for the file system and try to mount it. */
#define LABEL "liveng-persistence"

/* Fixed, not benchmarked: a stick moves from machine to machine, and what suits a fast one can keep
 * a slow one busy for a minute, or need more memory than it has. Half a GiB leaves a machine with 2
 * GiB enough room for the initrd and itself. Four passes over it are as much work as the single one
 * over 2 GiB that is RFC 9106's first recommendation, with its four lanes: about a second on a
 * laptop, a few on an old one.
 */
#define MEMORY	   512u /* MiB */
#define ITERATIONS 4u
#define WORK	   (ITERATIONS * MEMORY * 1024ull) /* passes times KiB */
#define TRIES_MAX  8u
static const struct crypt_pbkdf_type pbkdf = {.type = CRYPT_KDF_ARGON2ID,
	.hash = "sha256",
	.iterations = ITERATIONS,
	.max_memory_kb = MEMORY * 1024,
	.parallel_threads = 4,
	.flags = CRYPT_PBKDF_NO_BENCHMARK};

struct container {
	int fd;
	uint64_t data;
	EVP_CIPHER_CTX *cipher;
};

/* The last message of libcryptsetup, to report with its error. */
struct words {
	char text[256];
};

static void note_words(int level, const char *text, void *data)
{
	struct words *words = data;

	if (level == CRYPT_LOG_ERROR)
		snprintf(words->text, sizeof(words->text), "%.*s", (int)strcspn(text, "\n"), text);
}

static void free_device(struct crypt_device **device)
{
	crypt_free(*device);
}

struct luks container_luks(void)
{
	return (struct luks){.type = CRYPT_LUKS2, .ciphers = {CIPHER "-" MODE}};
}

static int add_passphrase(struct crypt_device *device, const struct crypt_pbkdf_type *type,
	const struct passphrase *passphrase)
{
	int r;

	r = crypt_set_pbkdf_type(device, type);
	return r < 0 ? r
		     : crypt_keyslot_add_by_volume_key(
			       device, CRYPT_ANY_SLOT, NULL, 0, passphrase->text, passphrase->size);
}

/*
 * Without swap, libcryptsetup uses no more than half of the memory that is currently free, and in a
 * live system memory is full of cached files. Make up for less memory with more passes, so that the
 * work stays the same. Each time there may be less again.
 */
static int make_up_for_memory(
	struct crypt_device *device, int slot, const struct passphrase *passphrase)
{
	struct crypt_pbkdf_type type = pbkdf, made;
	int r;

	for (unsigned int i = 0; i < TRIES_MAX; i++) {
		r = crypt_keyslot_get_pbkdf(device, slot, &made);
		if (r < 0 || made.max_memory_kb == 0 ||
			(uint64_t)made.max_memory_kb * made.iterations >= WORK)
			return r;
		r = crypt_keyslot_destroy(device, slot);
		if (r < 0)
			return r;
		type.max_memory_kb = made.max_memory_kb;
		type.iterations = (uint32_t)(WORK / made.max_memory_kb + 1);
		slot = add_passphrase(device, &type, passphrase);
		if (slot < 0)
			return slot;
	}
	log_warning(
		"memory was short each time: guessing the passphrase is less work than intended");
	return 0;
}

/* Format, and get the key back through the passphrase, which proves that it opens the container. */
static int make_header(struct crypt_device *device, const struct passphrase *passphrase,
	uint8_t key[KEY_SIZE], uint64_t *ret_data)
{
	struct crypt_params_luks2 parameters = {.sector_size = CONTAINER_SECTOR, .label = LABEL};
	size_t key_size = KEY_SIZE;
	int r;

	r = crypt_set_pbkdf_type(device, &pbkdf);
	if (r == 0)
		r = crypt_format(
			device, CRYPT_LUKS2, CIPHER, MODE, NULL, NULL, KEY_SIZE, &parameters);
	if (r == 0)
		r = add_passphrase(device, &pbkdf, passphrase);
	if (r >= 0)
		r = make_up_for_memory(device, r, passphrase);
	if (r >= 0)
		r = crypt_volume_key_get(device, CRYPT_ANY_SLOT, (char *)key, &key_size,
			passphrase->text, passphrase->size);
	if (r < 0)
		return r;
	*ret_data = crypt_get_data_offset(device) * SECTOR_SIZE;
	return key_size == KEY_SIZE ? 0 : -ERR_TOOL;
}

static int init_cipher(const uint8_t key[KEY_SIZE], EVP_CIPHER_CTX **ret_cipher)
{
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();

	if (!cipher || EVP_EncryptInit_ex(cipher, EVP_aes_256_xts(), NULL, key, NULL) != 1) {
		EVP_CIPHER_CTX_free(cipher);
		return -ERR_TOOL;
	}
	*ret_cipher = cipher;
	return 0;
}

static int build(struct container *container, uint64_t size, const struct passphrase *passphrase,
	struct words *words)
{
	cleanup(free_device) struct crypt_device *device = NULL;
	uint8_t *key;
	char path[64];
	int r;

	r = tempfile_in_memory(size, &container->fd);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", container->fd);
	r = crypt_init(&device, path);
	if (r < 0)
		return r;
	crypt_set_log_callback(device, note_words, words);
	key = secret_new(KEY_SIZE);
	if (!key)
		return -ENOMEM;
	r = make_header(device, passphrase, key, &container->data);
	if (r == 0)
		r = init_cipher(key, &container->cipher);
	secret_free(key, KEY_SIZE);
	return r;
}

int container_new(
	uint64_t size, const struct passphrase *passphrase, struct container **ret_container)
{
	cleanup(container_freep) struct container *container = calloc(1, sizeof(*container));
	struct words words = {""};
	int r;

	if (!container)
		return -ENOMEM;
	container->fd = -1;
	r = build(container, size, passphrase, &words);
	if (r == -ENOMEM)
		return refuse(r,
			"cannot make the encrypted persistence: this takes %u MiB of memory",
			MEMORY);
	if (r < 0)
		return refuse(r, "cannot make the encrypted persistence: %s",
			words.text[0] ? words.text : error_text(r));
	*ret_container = steal_pointer(container);
	return 0;
}

void container_free(struct container *container)
{
	if (!container)
		return;
	EVP_CIPHER_CTX_free(container->cipher); /* wipes the key */
	close_fd(&container->fd);
	free(container);
}

void container_freep(struct container **container)
{
	container_free(*container);
}

int container_fd(const struct container *container)
{
	return container->fd;
}

uint64_t container_data(const struct container *container)
{
	return container->data;
}

int container_encrypt(const struct container *container, uint64_t offset, void *buffer, size_t size)
{
	uint8_t *at = buffer;

	for (uint8_t *end = at + size; at < end; at += CONTAINER_SECTOR) {
		/* plain64: the number of the sector, in units of 512 bytes whatever the sector
		 * size. */
		uint64_t tweak[2] = {htole64(offset / SECTOR_SIZE), 0};
		int n;

		if (EVP_EncryptInit_ex(container->cipher, NULL, NULL, NULL, (uint8_t *)tweak) !=
				1 ||
			EVP_EncryptUpdate(container->cipher, at, &n, at, CONTAINER_SECTOR) != 1 ||
			n != CONTAINER_SECTOR)
			return -ERR_TOOL;
		offset += CONTAINER_SECTOR;
	}
	return 0;
}
