/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * A library for LD_PRELOAD that records what a program does to one file, the target, and makes
 * calls on it fail on demand. The target is known by device and inode, so that it does not matter
 * by which path, descriptor or library the program accesses it.
 *
 *   IOTRACE_TARGET  path of the target; it may be one that the program makes
 *   IOTRACE_LOG     where the records go: struct iotrace_record, after a write the bytes written
 *   IOTRACE_BAD     START:SIZE, a place in bytes that cannot be read (EIO) until it is written to
 *   IOTRACE_SPOIL   a place in bytes that takes another byte than the one it is given
 *   IOTRACE_FAULT   KIND:N:WHAT:WHEN, for example write:3:EIO:once
 *
 *   KIND  open, read, write, flush, any
 *   N     which call of that kind, from 1
 *   WHAT  EIO, ENOSPC, ENODEV, EROFS
 *         short: half of what was asked for, in whole sectors, or nothing
 *         lost: a write or flush that says it was done
 *         sigterm: the signal arrives, the call is done
 *         stop: the program stands still (SIGSTOP) until it is told to go on, the call is done
 *   WHEN  once, or on: that call and all later ones of the kind
 */

#include "iotrace.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { KIND_OPEN, KIND_READ, KIND_WRITE, KIND_FLUSH, KIND_ANY };

enum what { WHAT_NOTHING, WHAT_ERROR, WHAT_SHORT, WHAT_LOST, WHAT_SIGNAL };

static struct {
	bool active;
	const char *awaited; /* the target's path, as long as it does not exist */
	dev_t device;
	ino_t inode;
	int log;
	pthread_mutex_t lock;

	enum kind kind;
	enum what what;
	int error;
	int signal;
	unsigned long nth;
	bool on;
	unsigned long calls;

	unsigned long long bad_start;
	unsigned long long bad_size;
	bool spoils;
	unsigned long long spoilt;
} trace = {.lock = PTHREAD_MUTEX_INITIALIZER};

__attribute__((noreturn)) static void give_up(const char *why)
{
	fprintf(stderr, "iotrace: %s\n", why);
	_exit(99);
}

static void parse_fault(const char *text)
{
	static const char *const kinds[] = {"open", "read", "write", "flush", "any"};
	static const struct {
		const char *name;
		enum what what;
		int number; /* error or signal */
	} whats[] = {
		{"EIO", WHAT_ERROR, EIO},
		{"ENOSPC", WHAT_ERROR, ENOSPC},
		{"ENODEV", WHAT_ERROR, ENODEV},
		{"EROFS", WHAT_ERROR, EROFS},
		{"short", WHAT_SHORT, 0},
		{"lost", WHAT_LOST, 0},
		{"sigterm", WHAT_SIGNAL, SIGTERM},
		{"stop", WHAT_SIGNAL, SIGSTOP},
	};
	char kind[16], what[16], when[16];
	bool known = false;

	if (sscanf(text, "%15[a-z]:%lu:%15[A-Za-z]:%15[a-z]", kind, &trace.nth, what, when) != 4)
		give_up("IOTRACE_FAULT is not KIND:N:WHAT:WHEN");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(kind, kinds[i]) == 0) {
			trace.kind = (enum kind)i;
			known = true;
		}
	}
	for (size_t i = 0; i < sizeof(whats) / sizeof(*whats); i++) {
		if (strcmp(what, whats[i].name) == 0) {
			trace.what = whats[i].what;
			trace.error = trace.signal = whats[i].number;
		}
	}
	trace.on = strcmp(when, "on") == 0;
	if (!known || trace.what == WHAT_NOTHING || (!trace.on && strcmp(when, "once") != 0))
		give_up("unknown KIND, WHAT or WHEN in IOTRACE_FAULT");
}

__attribute__((constructor)) static void start(void)
{
	const char *target = getenv("IOTRACE_TARGET");
	const char *log = getenv("IOTRACE_LOG");
	const char *fault = getenv("IOTRACE_FAULT");
	const char *bad = getenv("IOTRACE_BAD");
	const char *spoilt = getenv("IOTRACE_SPOIL");
	struct stat st;

	if (!target)
		return;
	if (stat(target, &st) == 0) {
		trace.device = st.st_dev;
		trace.inode = st.st_ino;
	} else {
		trace.awaited = target;
	}
	trace.log = -1;
	if (log) {
		trace.log = (int)syscall(
			SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
		if (trace.log < 0)
			give_up("IOTRACE_LOG cannot be opened");
	}
	if (fault && *fault)
		parse_fault(fault);
	if (bad && sscanf(bad, "%llu:%llu", &trace.bad_start, &trace.bad_size) != 2)
		give_up("IOTRACE_BAD is not START:SIZE");
	trace.spoils = spoilt && *spoilt;
	if (trace.spoils && sscanf(spoilt, "%llu", &trace.spoilt) != 1)
		give_up("IOTRACE_SPOIL is not a place");
	trace.active = true;
}

static bool is_target(int fd)
{
	struct stat st;
	int saved = errno;
	bool is = trace.active && fstat(fd, &st) == 0 && st.st_dev == trace.device &&
		  st.st_ino == trace.inode;

	errno = saved;
	return is;
}

static void record(
	enum iotrace_type type, uint64_t offset, uint64_t size, const struct iovec *data, int count)
{
	struct iotrace_record head = {.type = type, .offset = offset, .size = size};
	uint64_t left = data ? size : 0;
	int saved = errno;

	if (trace.log < 0)
		return;
	/* The caller holds the lock, so records never interleave. */
	if (syscall(SYS_write, trace.log, &head, sizeof(head)) != (long)sizeof(head))
		give_up("cannot write the log");
	for (int i = 0; i < count && left > 0; i++) {
		size_t n = data[i].iov_len < left ? data[i].iov_len : (size_t)left;

		if (n > 0 && syscall(SYS_write, trace.log, data[i].iov_base, n) != (long)n)
			give_up("cannot write the log");
		left -= n;
	}
	errno = saved;
}

/* Is this call, the next one of its kind, the one that must fail? */
static enum what fault(enum kind kind)
{
	if (trace.what == WHAT_NOTHING || (trace.kind != kind && trace.kind != KIND_ANY))
		return WHAT_NOTHING;
	trace.calls++;
	if (trace.calls < trace.nth || (trace.calls > trace.nth && !trace.on))
		return WHAT_NOTHING;
	if (trace.what == WHAT_SIGNAL) {
		record(IOTRACE_FAULT, 0, 0, NULL, 0);
		kill(getpid(), trace.signal);
		return WHAT_NOTHING;
	}
	return trace.what;
}

/* Does the request touch the bad place? */
static bool is_bad(const struct iovec *iov, int count, off_t offset)
{
	uint64_t start = (uint64_t)offset, end = start;

	for (int i = 0; i < count; i++)
		end += iov[i].iov_len;
	return trace.bad_size > 0 && start < trace.bad_start + trace.bad_size &&
	       trace.bad_start < end;
}

/* Does the request write the place to spoil? Then a different byte goes there, in a copy that the
 * caller frees. */
static void *spoil(struct iovec *iov, int count, off_t offset)
{
	uint64_t start = (uint64_t)offset;
	uint8_t *copy = NULL;

	for (int i = 0; trace.spoils && i < count; start += iov[i++].iov_len) {
		if (trace.spoilt < start || trace.spoilt - start >= iov[i].iov_len)
			continue;
		/* Aligned for O_DIRECT. */
		if (posix_memalign((void **)&copy, 4096, iov[i].iov_len) != 0)
			give_up("no memory");
		memcpy(copy, iov[i].iov_base, iov[i].iov_len);
		copy[trace.spoilt - start] ^= 0x10;
		iov[i].iov_base = copy;
		record(IOTRACE_FAULT, trace.spoilt, 0, NULL, 0);
		break;
	}
	return copy;
}

/* Cut the request to half of its whole sectors; returns the number of vectors left. */
static int shorten(struct iovec *iov, int count)
{
	size_t total = 0, left;

	for (int i = 0; i < count; i++)
		total += iov[i].iov_len;
	left = total / 2 / 512 * 512;
	for (int i = 0; i < count; i++) {
		if (iov[i].iov_len >= left) {
			iov[i].iov_len = left;
			return left > 0 ? i + 1 : 0;
		}
		left -= iov[i].iov_len;
	}
	return 0;
}

#define MAX_VECTORS 64

/* Every read and write. An offset below 0 means the descriptor's current position. */
static ssize_t transfer(bool write, int fd, const struct iovec *request, int count, off_t offset)
{
	struct iovec iov[MAX_VECTORS];
	bool at_position = offset < 0;
	void *copy;
	ssize_t done;

	if (count < 0 || count > MAX_VECTORS)
		give_up("more vectors than expected");
	memcpy(iov, request, (size_t)count * sizeof(*iov));
	if (!is_target(fd)) {
		if (at_position)
			return syscall(write ? SYS_writev : SYS_readv, fd, iov, count);
		return syscall(write ? SYS_pwritev : SYS_preadv, fd, iov, count, offset, 0);
	}

	pthread_mutex_lock(&trace.lock);
	if (at_position)
		offset = lseek(fd, 0, SEEK_CUR);
	if (is_bad(iov, count, offset) && write)
		trace.bad_size = 0; /* a medium remaps such a sector when it is written */
	if (is_bad(iov, count, offset)) {
		record(IOTRACE_FAULT, (uint64_t)offset, 0, NULL, 0);
		pthread_mutex_unlock(&trace.lock);
		errno = EIO;
		return -1;
	}
	switch (fault(write ? KIND_WRITE : KIND_READ)) {
	case WHAT_ERROR:
		record(IOTRACE_FAULT, (uint64_t)offset, 0, NULL, 0);
		pthread_mutex_unlock(&trace.lock);
		errno = trace.error;
		return -1;
	case WHAT_SHORT:
		record(IOTRACE_FAULT, (uint64_t)offset, 0, NULL, 0);
		count = shorten(iov, count);
		break;
	case WHAT_LOST:
		if (!write)
			give_up("only writes and flushes can be lost");
		record(IOTRACE_FAULT, (uint64_t)offset, 0, NULL, 0);
		done = 0;
		for (int i = 0; i < count; i++)
			done += (ssize_t)iov[i].iov_len;
		if (at_position)
			lseek(fd, done, SEEK_CUR);
		pthread_mutex_unlock(&trace.lock);
		return done;
	case WHAT_NOTHING:
	case WHAT_SIGNAL:
		break;
	}
	copy = write ? spoil(iov, count, offset) : NULL;
	if (at_position)
		done = syscall(write ? SYS_writev : SYS_readv, fd, iov, count);
	else
		done = syscall(write ? SYS_pwritev : SYS_preadv, fd, iov, count, offset, 0);
	if (done >= 0) {
		record(write ? IOTRACE_WRITE : IOTRACE_READ, (uint64_t)offset, (uint64_t)done,
			write ? iov : NULL, count);
		if (write && (fcntl(fd, F_GETFL) & O_DSYNC))
			record(IOTRACE_FLUSH, 0, 0, NULL, 0);
	}
	free(copy);
	pthread_mutex_unlock(&trace.lock);
	return done;
}

static int flush(int fd, long number)
{
	int result = 0;

	if (!is_target(fd))
		return (int)syscall(number, fd);
	pthread_mutex_lock(&trace.lock);
	switch (fault(KIND_FLUSH)) {
	case WHAT_ERROR:
		record(IOTRACE_FAULT, 0, 0, NULL, 0);
		errno = trace.error;
		result = -1;
		break;
	case WHAT_LOST:
		record(IOTRACE_FAULT, 0, 0, NULL, 0);
		break;
	case WHAT_SHORT:
	case WHAT_NOTHING:
	case WHAT_SIGNAL:
		/* Not passed on: there will be no power cut here, and waiting for the disk takes
		 * most of the time of a test. */
		record(IOTRACE_FLUSH, 0, 0, NULL, 0);
	}
	pthread_mutex_unlock(&trace.lock);
	return result;
}

static int open_at(int folder, const char *path, int flags, mode_t mode)
{
	int fd = (int)syscall(SYS_openat, folder, path, flags, mode);
	int saved = errno;
	struct stat st;

	if (fd >= 0 && trace.awaited && strcmp(path, trace.awaited) == 0 && fstat(fd, &st) == 0) {
		trace.device = st.st_dev;
		trace.inode = st.st_ino;
		trace.awaited = NULL;
	}
	if (fd < 0 || !is_target(fd))
		return fd;
	if (flags & O_TRUNC)
		give_up("the target was truncated");
	pthread_mutex_lock(&trace.lock);
	if (fault(KIND_OPEN) == WHAT_ERROR) {
		record(IOTRACE_FAULT, 0, 0, NULL, 0);
		syscall(SYS_close, fd);
		fd = -1;
		saved = trace.error;
	} else {
		record(IOTRACE_OPEN, 0, 0, NULL, 0);
	}
	pthread_mutex_unlock(&trace.lock);
	errno = saved;
	return fd;
}

/* The calls themselves. libc's headers declare most of them; the rest is what programs built
 * with _FORTIFY_SOURCE or 64-bit offsets call instead. */

int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
ssize_t __read_chk(int fd, void *buffer, size_t size, size_t room);
ssize_t __pread_chk(int fd, void *buffer, size_t size, off_t offset, size_t room);
ssize_t __pread64_chk(int fd, void *buffer, size_t size, off_t offset, size_t room);

#define MODE_ARGUMENT(flags)                           \
	({                                             \
		va_list list;                          \
		mode_t mode_ = 0;                      \
		va_start(list, flags);                 \
		if ((flags) & (O_CREAT | __O_TMPFILE)) \
			mode_ = va_arg(list, mode_t);  \
		va_end(list);                          \
		mode_;                                 \
	})

int open(const char *path, int flags, ...)
{
	return open_at(AT_FDCWD, path, flags, MODE_ARGUMENT(flags));
}

int open64(const char *path, int flags, ...)
{
	return open_at(AT_FDCWD, path, flags, MODE_ARGUMENT(flags));
}

int openat(int folder, const char *path, int flags, ...)
{
	return open_at(folder, path, flags, MODE_ARGUMENT(flags));
}

int openat64(int folder, const char *path, int flags, ...)
{
	return open_at(folder, path, flags, MODE_ARGUMENT(flags));
}

int __open_2(const char *path, int flags)
{
	return open_at(AT_FDCWD, path, flags, 0);
}

int __open64_2(const char *path, int flags)
{
	return open_at(AT_FDCWD, path, flags, 0);
}

#define ONE(buffer, size) (&(struct iovec){(void *)(uintptr_t)(buffer), (size)}), 1

ssize_t read(int fd, void *buffer, size_t size)
{
	return transfer(false, fd, ONE(buffer, size), -1);
}

ssize_t __read_chk(int fd, void *buffer, size_t size, size_t room)
{
	return transfer(false, fd, ONE(buffer, size < room ? size : room), -1);
}

ssize_t pread(int fd, void *buffer, size_t size, off_t offset)
{
	return transfer(false, fd, ONE(buffer, size), offset);
}

ssize_t pread64(int fd, void *buffer, size_t size, off_t offset)
{
	return transfer(false, fd, ONE(buffer, size), offset);
}

ssize_t __pread_chk(int fd, void *buffer, size_t size, off_t offset, size_t room)
{
	return transfer(false, fd, ONE(buffer, size < room ? size : room), offset);
}

ssize_t __pread64_chk(int fd, void *buffer, size_t size, off_t offset, size_t room)
{
	return transfer(false, fd, ONE(buffer, size < room ? size : room), offset);
}

ssize_t readv(int fd, const struct iovec *iov, int count)
{
	return transfer(false, fd, iov, count, -1);
}

ssize_t preadv(int fd, const struct iovec *iov, int count, off_t offset)
{
	return transfer(false, fd, iov, count, offset);
}

ssize_t preadv64(int fd, const struct iovec *iov, int count, off_t offset)
{
	return transfer(false, fd, iov, count, offset);
}

ssize_t write(int fd, const void *buffer, size_t size)
{
	return transfer(true, fd, ONE(buffer, size), -1);
}

ssize_t pwrite(int fd, const void *buffer, size_t size, off_t offset)
{
	return transfer(true, fd, ONE(buffer, size), offset);
}

ssize_t pwrite64(int fd, const void *buffer, size_t size, off_t offset)
{
	return transfer(true, fd, ONE(buffer, size), offset);
}

ssize_t writev(int fd, const struct iovec *iov, int count)
{
	return transfer(true, fd, iov, count, -1);
}

ssize_t pwritev(int fd, const struct iovec *iov, int count, off_t offset)
{
	return transfer(true, fd, iov, count, offset);
}

ssize_t pwritev64(int fd, const struct iovec *iov, int count, off_t offset)
{
	return transfer(true, fd, iov, count, offset);
}

int fsync(int fd)
{
	return flush(fd, SYS_fsync);
}

int fdatasync(int fd)
{
	return flush(fd, SYS_fdatasync);
}
