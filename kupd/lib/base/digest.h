/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * SHA-256 (FIPS 180-4), as `sha256sum` prints it.
 */

#include <stddef.h>
#include <stdint.h>

#define DIGEST_SIZE 32u
#define DIGEST_TEXT 65u /* 64 hexadecimal digits and the final 0 */

struct digest; /* a computation in progress */

/** Start a computation; free it with digest_freep(). NULL: no memory. */
struct digest *digest_new(void);
void digest_freep(struct digest **digest);

/** Add bytes. Returns -ERR_TOOL if the crypto library fails. */
int digest_add(struct digest *digest, const void *data, size_t size);

/** Finish and give the text form. After that the digest can only be freed. */
int digest_end(struct digest *digest, char ret_text[DIGEST_TEXT]);
