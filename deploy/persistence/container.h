/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A LUKS2 container: libcryptsetup makes its header in a file in memory, its data is encrypted
 * here. Needs neither root nor device-mapper.
 */

#include "disk/luks.h"
#include "passphrase.h"

/* The unit of encryption in bytes, and the sector size of the opened container. */
#define CONTAINER_SECTOR 4096u

struct container;

/** The properties of every container, for checks before one exists. */
struct luks container_luks(void);

/**
 * Make a container of @size bytes (a multiple of CONTAINER_SECTOR, more than container_data()) that
 * @passphrase opens. Takes half a GiB of memory for a few seconds, as will opening it. Reports.
 * Returns -errno. The caller frees it with container_free().
 */
int container_new(
	uint64_t size, const struct passphrase *passphrase, struct container **ret_container);

void container_free(struct container *container);
void container_freep(struct container **container);

/** The file that holds the header, from its byte 0 to container_data(). Owned by the container. */
int container_fd(const struct container *container);

/** Where the data begins, in bytes. */
uint64_t container_data(const struct container *container);

/**
 * Encrypt in place @size bytes that belong at byte @offset of the data: both multiples of
 * CONTAINER_SECTOR. Returns -ERR_TOOL if the crypto library fails.
 */
int container_encrypt(
	const struct container *container, uint64_t offset, void *buffer, size_t size);
