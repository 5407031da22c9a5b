/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The log that iotrace.c writes: one record per call on the target, in the order of the calls. */

#include <stdint.h>

enum iotrace_type {
	IOTRACE_OPEN = 'O',
	IOTRACE_READ = 'R',
	IOTRACE_WRITE = 'W', /* followed by `size` bytes: what was written */
	IOTRACE_FLUSH =
		'F', /* fsync or fdatasync that succeeded, or a write through O_SYNC or O_DSYNC */
	IOTRACE_FAULT = '!', /* the requested fault was injected */
};

struct iotrace_record {
	uint64_t type;
	uint64_t offset; /* bytes from the start of the target */
	uint64_t size;	 /* bytes read or written, not bytes asked for */
};

_Static_assert(sizeof(struct iotrace_record) == 24, "the log is read from other languages too");
