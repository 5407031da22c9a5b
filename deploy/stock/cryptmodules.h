/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The kernel modules that open a LUKS container, by the text indexes that depmod(8) makes of a
 * release's modules: modules.dep(5), modules.alias, modules.softdep, modules.builtin.
 */

#include <stdbool.h>
#include <stddef.h>

/* The texts of those files; "" for one that is not there. */
struct cryptmodules_index {
	const char *dep;
	const char *alias;
	const char *softdep;
	const char *builtin;
};

/**
 * Choose the modules for LUKS with the ciphers that cryptsetup has made by default, each with all
 * that it depends on; without those that are built in, or that @has says are there (it gets names
 * with `_`). @ret_paths are paths below the folder of the release ("kernel/drivers/md/dm-mod.ko"),
 * NULL-terminated, in one block that the caller frees. Returns -ENOENT if the
 * index does not know dm-crypt; -ENOMEM.
 */
int cryptmodules_choose(const struct cryptmodules_index *index,
	bool (*has)(void *data, const char *module), void *data, char ***ret_paths);

/** The module's name in the path of its file, with `_`: "kernel/drivers/md/dm-mod.ko.xz" is
 * "dm_mod". @ret_name holds CRYPTMODULES_NAME bytes. */
#define CRYPTMODULES_NAME 128u
void cryptmodules_name(const char *path, size_t length, char ret_name[CRYPTMODULES_NAME]);

/** Does the index @dep have a module of that name under just the path @path? */
bool cryptmodules_has_path(const char *dep, const char *path);
