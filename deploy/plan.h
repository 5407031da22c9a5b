/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * One stick: what is written where, made beforehand, and the writing of it. The order of the steps
 * sees to it that a stick half written is plainly empty: its table comes last.
 */

#include "layout/ids.h"
#include "persistence/kept.h"
#include "layout/layout.h"
#include "base/observer.h"
#include "output/output.h"
#include "persistence/passphrase.h"
#include "persistence/persistence.h"
#include "inputs.h"
#include "image/system.h"
#include "layout/table.h"

struct job {
	const struct plan *plan;
	struct layout layout;
	struct ids ids;
	struct table table;    /* with the BIOS' boot code, if the stick gets it */
	struct table before;   /* until the stick is whole: nothing, or a persistence that stays */
	struct system *system; /* NULL before job_prepare() */
	uint64_t system_bytes;
	struct persistence *persistence; /* NULL: none, or it stays; or before job_prepare() */
	struct kept kept;		 /* if it stays */
	int esp_fd;
	uint64_t esp_bytes;
	bool is_kept;	   /* the persistence stays */
	bool is_encrypted; /* the persistence */
};

/**
 * Make everything but system and persistence for the target @path of @size bytes; with
 * --keep-persistence its present partitions are read. @encrypted: so will the persistence be.
 * Nothing is written. Other processes may go on with it. Reports. Returns -ERR_NO_ROOM;
 * -ERR_NOT_STICK if there is no persistence to keep; -errno. Ends with job_clear().
 */
int job_make(const struct plan *plan, const char *path, uint64_t size, bool encrypted,
	struct job *ret_job);

/** See that a persistence that stays is the one that job_make() found: on @disk, which is ours by
 * now. Reports. Returns -ERR_REFUSED if not; else as job_make(). */
int job_check_kept(const struct job *job, const struct disk *disk);

/** Make the rest, that cannot be handed on to other processes: the system, and the persistence, if
 * one is to be made; @passphrase NULL: in the clear. Reports. Returns -errno. */
int job_prepare(struct job *job, const struct passphrase *passphrase);

void job_clear(struct job *job);

/**
 * Write it to @disk, and read back all that was written unless the options say not to. Tells
 * @observer the progress of all of it, in phases. Reports; what an interruption means, too.
 * Returns -ERR_VERIFY; -EINTR; -errno.
 */
int job_write(const struct job *job, struct disk *disk, const struct observer *observer);
