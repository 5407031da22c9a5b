/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "digest.h"

#include <openssl/evp.h>

#include "util.h"

struct digest {
	EVP_MD_CTX *context;
};

void digest_freep(struct digest **digest)
{
	if (!*digest)
		return;
	EVP_MD_CTX_free((*digest)->context);
	free(*digest);
}

struct digest *digest_new(void)
{
	cleanup(digest_freep) struct digest *digest = calloc(1, sizeof(*digest));

	if (!digest)
		return NULL;
	digest->context = EVP_MD_CTX_new();
	if (!digest->context || !EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL))
		return NULL;
	return steal_pointer(digest);
}

int digest_add(struct digest *digest, const void *data, size_t size)
{
	return EVP_DigestUpdate(digest->context, data, size) ? 0 : -ERR_TOOL;
}

int digest_end(struct digest *digest, char ret_text[DIGEST_TEXT])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t value[DIGEST_SIZE];

	if (!EVP_DigestFinal_ex(digest->context, value, NULL))
		return -ERR_TOOL;
	for (size_t i = 0; i < DIGEST_SIZE; i++) {
		ret_text[2 * i] = digits[value[i] >> 4];
		ret_text[2 * i + 1] = digits[value[i] & 15];
	}
	ret_text[2 * DIGEST_SIZE] = 0;
	return 0;
}
