/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Everything that a deployment writes to its target goes through here: at byte offsets, keeping a
 * digest of each piece, so that everything can be read back and compared.
 */

#include "base/observer.h"
#include "disk/disk.h"
#include "phases.h"

struct output;

/* The source of a copy. */
struct input {
	int fd;
	const char *name; /* for messages; must outlive the output */
};

/**
 * Start writing to @disk, which must outlive the output. Returns -ENOMEM. The caller frees it with
 * output_free().
 */
int output_new(struct disk *disk, const struct observer *observer, struct output **ret_output);

/** Begin a phase with these names for the observer, which will write @total bytes; before the first
 * one the observer is not notified. */
void output_begin(struct output *output, struct phase_names phases, uint64_t total);

void output_free(struct output *output);
void output_freep(struct output **output);

/**
 * Write @size bytes at byte @offset of the target: multiples of SECTOR_SIZE, preferably of
 * DISK_ALIGN. Durable only after output_flush(). Does not report. Returns -EINTR; -errno of
 * writing.
 */
int output_write(struct output *output, uint64_t offset, const void *buffer, size_t size);

/** Write @size zeros at byte @offset. As output_write(). */
int output_zero(struct output *output, uint64_t offset, uint64_t size);

/** Zero those parts of @extent that were not written since the last output_forget(). As
 * output_write(). */
int output_zero_rest(struct output *output, struct extent extent);

/**
 * Copy @size bytes from byte @from of @input to byte @offset, in large pieces, holes as zeros. As
 * output_write(); and -errno of reading, -ERR_SHORT if the input ends early: then output_unread()
 * names it.
 */
int output_copy(struct output *output, uint64_t offset, const struct input *input, uint64_t from,
	uint64_t size);

/** The same, but only data (SEEK_DATA): on the target, holes keep their old content. */
int output_copy_data(struct output *output, uint64_t offset, const struct input *input,
	uint64_t from, uint64_t size);

/** Read @size bytes at byte @from of @input. As output_copy(), but nothing is written. */
int output_read(
	struct output *output, const struct input *input, void *buffer, size_t size, uint64_t from);

/** Record that something else, called @name, could not be read. */
void output_set_unread(struct output *output, const char *name);

/** The name of what could not be read, if it was not the target that failed; else NULL. */
const char *output_unread(const struct output *output);

/** Make all writes durable. Returns -errno. */
int output_flush(struct output *output);

/**
 * Read everything written since the last call back from the medium, bypassing the page cache, and
 * compare. Does not report. Returns -ERR_VERIFY and, in @ret_offset, the byte on the target where
 * the first piece that differs begins; -EINTR; -errno of reading.
 */
int output_verify(struct output *output, uint64_t *ret_offset);

/** What was written so far needs no comparison; output_verify() does this itself. */
void output_forget(struct output *output);

/** Bytes written so far. */
uint64_t output_written(const struct output *output);
