/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The signatures of a PE image (Windows Authenticode Portable Executable Signature Format). Nothing
 * here decides about trust: that is left to the firmware and shim.
 */

#include "pe.h"

struct x509_st;

/**
 * Compare the content with the digests in its signatures: at least one must match. This detects
 * damage only. Neither the signer's signature nor the certificates are checked: anyone who can
 * change the file can also put in a matching digest. @name is the path, for messages. Reports.
 * Returns -ERR_REFUSED if none matches; -errno of read(2).
 */
int authenticode_check_digest(int fd, const char *name, const struct pe *pe);

/** Called with the certificate (OpenSSL's X509) of each signer, which is valid only during the
 * call. */
typedef void (*authenticode_signer)(void *data, struct x509_st *certificate);

/** Call @found for each signer that the image's signatures name. Does not report. Returns
 * -ERR_DAMAGED if the table of signatures is damaged; -errno of read(2). */
int authenticode_signers(int fd, const struct pe *pe, authenticode_signer found, void *data);
