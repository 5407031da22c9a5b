/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A LUKS2 container: its header made by libcryptsetup in a file in memory, its data encrypted here.
 * No root, no device-mapper.
 */

#include "disk/luks.h"
#include "passphrase.h"

/* Bytes that are encrypted as one, and the sectors that the opened container has. */
#define CONTAINER_SECTOR 4096u

struct container;

/** What every container is, for checks before one exists. */
struct luks container_luks(void);

/**
 * Make a container of @size bytes (a multiple of CONTAINER_SECTOR, more than container_data()) that
 * @passphrase opens. Takes half a GiB of memory for some seconds, as opening it will.
 * Reports. Returns -errno. The caller frees it with container_free().
 */
int container_new(
	uint64_t size, const struct passphrase *passphrase, struct container **ret_container);

void container_free(struct container *container);
void container_freep(struct container **container);

/** The file that holds the header, from its byte 0 to container_data(). Stays the container's. */
int container_fd(const struct container *container);

/** Where the data begins, in bytes. */
uint64_t container_data(const struct container *container);

/**
 * Encrypt in place @size bytes that belong at byte @offset of the data: both multiples of
 * CONTAINER_SECTOR. Returns -ERR_TOOL if the crypto library fails.
 */
int container_encrypt(
	const struct container *container, uint64_t offset, void *buffer, size_t size);
