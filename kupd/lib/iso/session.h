/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A new session for the kernel partition, made by libisofs: the directories and files of a new
 * tree, as a stream of blocks that is only right at one place. Files that stay keep their extents.
 */

#include "volume.h"

struct session;

#define SESSION_OVERHEAD (128 * 1024u) /* bytes; a session has no more besides its files */

/**
 * Begin the session that writes @volume's tree as it stands now, to be written from block
 * @start_lba on: files that lie in the volume keep their extents. @volume can then only be closed,
 * after the session. Does not report. Returns -errno.
 */
int session_new(struct volume *volume, uint32_t start_lba, struct session **ret_session);

void session_free(struct session *session);
void session_freep(struct session **session);

/** The session's size in bytes, a multiple of ISO_BLOCK. */
uint64_t session_size(const struct session *session);

/**
 * Get the next @size bytes: a multiple of ISO_BLOCK, and no more than what is left. Returns
 * -ERR_SOURCE if libisofs could not read a file.
 */
int session_read(struct session *session, void *buffer, size_t size);
