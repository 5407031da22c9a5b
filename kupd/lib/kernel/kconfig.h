/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The configuration a kernel was built with, as its package installs it (config-RELEASE): lines of
 * `CONFIG_X=y`, `CONFIG_X=m` and `# CONFIG_X is not set` (Linux, Documentation/kbuild/kconfig.rst).
 */

#include <stddef.h>

#define KCONFIG_MAX (4u * 1024u * 1024u) /* bytes; Debian's have a tenth of that */

enum kconfig_answer {
	KCONFIG_UNSAID, /* no line about it: off, or a kernel that knows no such option */
	KCONFIG_OFF,
	KCONFIG_ON, /* built in, or a module */
};

struct kconfig;

/**
 * Read the file @path. Does not report. Returns -ENOENT if there is none; -EINVAL if it is not a
 * regular file; -ERR_TOO_LARGE; -ERR_DAMAGED if it has zeros in it, as after a power cut;
 * -ERR_FOREIGN if it names no option; -errno. The caller frees it with kconfig_free().
 */
int kconfig_read(const char *path, struct kconfig **ret_config);

void kconfig_free(struct kconfig *config);
void kconfig_freep(struct kconfig **config);

/** What it says about CONFIG_@option. */
enum kconfig_answer kconfig_get(const struct kconfig *config, const char *option);
