/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The signatures of a PE image (Windows Authenticode Portable Executable Signature Format). Nothing
 * here is a decision about trust: that is the firmware's and shim's matter.
 */

#include "pe.h"

struct x509_st;

/**
 * Compare the content with the digests that its signatures name: at least one must match. This
 * tells damage from wholeness. Neither the signer's signature nor the certificates are looked at:
 * whoever can change the file can put in a digest to match.
 * @name is the path, for messages. Reports. Returns -ERR_REFUSED if none matches; -errno of
 * read(2).
 */
int authenticode_check_digest(int fd, const char *name, const struct pe *pe);

/** Called for the certificate (OpenSSL's X509) of each signer; it is gone afterwards. */
typedef void (*authenticode_signer)(void *data, struct x509_st *certificate);

/** Say who signed the image, as its signatures tell. Does not report. Returns -ERR_DAMAGED if the
 * table of signatures is damaged; -errno of read(2). */
int authenticode_signers(int fd, const struct pe *pe, authenticode_signer found, void *data);
