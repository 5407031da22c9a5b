/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A new session for the kernel partition, made by libisofs: the directories and files of a new
 * tree, as a stream of blocks that is valid at one location only. Files that are kept retain their
 * extents.
 */

#include "volume.h"

struct session;

#define SESSION_OVERHEAD (128 * 1024u) /* bytes of a session, at most, besides its files */

/**
 * Start a session that records @volume's tree in its current state, for writing from block
 * @start_lba on: files that lie in the volume keep their extents. After this @volume can only be
 * closed, and only after the session. Does not report. Returns -errno.
 */
int session_new(struct volume *volume, uint32_t start_lba, struct session **ret_session);

void session_free(struct session *session);
void session_freep(struct session **session);

/** The session's size in bytes, a multiple of ISO_BLOCK. */
uint64_t session_size(const struct session *session);

/**
 * Get the next @size bytes: a multiple of ISO_BLOCK, and no more than are left. Returns -ERR_SOURCE
 * if libisofs could not read a file.
 */
int session_read(struct session *session, void *buffer, size_t size);
