/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Partition 4: where the live system keeps its changes. An ext4, or a LUKS2 container around one.
 */

#include "output/output.h"
#include "passphrase.h"

struct persistence;

/**
 * Make the content of a partition of @size bytes (a multiple of 4096; 64 MiB or more) in memory:
 * encrypted if @passphrase is given. Reports. Returns -errno. The caller frees it with
 * persistence_free().
 */
int persistence_build(
	uint64_t size, const struct passphrase *passphrase, struct persistence **ret_persistence);

void persistence_free(struct persistence *persistence);
void persistence_freep(struct persistence **persistence);

/** How many bytes persistence_write() will write. */
uint64_t persistence_bytes(const struct persistence *persistence);

/**
 * Write it to byte @offset of the target: only what matters, the rest of the partition keeps its
 * old content. Does not report. Returns the errors of output_write(); -ERR_TOOL if encrypting
 * fails.
 */
int persistence_write(
	const struct persistence *persistence, struct output *output, uint64_t offset);
