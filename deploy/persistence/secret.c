/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "secret.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/log.h"

/* 1, not 0: only with 1 does the kernel not pipe a dump to a program either (core(5), "Piping core
 * dumps"). Not PR_SET_DUMPABLE: it would make /proc/PID/fd inaccessible to the programs that we run
 * on our temporary files. */
static void forbid_dumps(void)
{
	const struct rlimit limit = {.rlim_cur = 1, .rlim_max = 1};
	struct rlimit old;

	if (getrlimit(RLIMIT_CORE, &old) == 0 && old.rlim_max == 0)
		return;
	if (setrlimit(RLIMIT_CORE, &limit) < 0)
		log_debug("core dumps remain possible: %m");
}

void *secret_new(size_t size)
{
	void *secret;

	forbid_dumps();
	secret = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (secret == MAP_FAILED)
		return NULL;
	if (madvise(secret, size, MADV_DONTDUMP) < 0)
		log_debug("memory for secrets could be dumped: %m");
	if (mlock(secret, size) < 0)
		log_debug("memory for secrets could be swapped out: %m");
	return secret;
}

void secret_free(void *secret, size_t size)
{
	if (!secret)
		return;
	explicit_bzero(secret, size);
	munmap(secret, size);
}
