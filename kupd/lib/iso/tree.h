/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The directories and files of a volume, walked and changed in memory. What is changed lies on no
 * medium until a session is made of it.
 */

#include "volume.h"

/* A file on this machine, or the part of one: an image's kernel need not be copied out of
 * it first. */
struct tree_file {
	const char *path;
	struct volume_file part; /* its size 0: the whole file */
};

/** Names in the folder @path ("/", "/live"), sorted, NULL-ended. Returns -ENOENT, also if it is no
 * folder; -errno. The caller frees them with tree_names_free(). */
int tree_list(const struct volume *volume, const char *path, char ***ret_names);

void tree_names_free(char **names);
void tree_names_freep(char ***names);

/** Is there a folder, or with @folder false a plain file, at @path? */
bool tree_has(const struct volume *volume, const char *path, bool folder);

/** Called for each extent (bytes on the disk) of a file, in the file's order; a negative errno ends
 * the walk. */
typedef int (*tree_extent)(void *data, const char *name, struct extent extent);

/** Walk over all extents of all plain files. Returns -ERR_DAMAGED if one does not lie inside the
 * volume, what @found returns, -errno. */
int tree_walk(const struct volume *volume, tree_extent found, void *data);

/** Take away a file, or a folder with all in it. Returns -ENOENT. */
int tree_remove(struct volume *volume, const char *path);

/** Give the node at @path another name in its folder. Returns -ENOENT; -EEXIST. */
int tree_rename(struct volume *volume, const char *path, const char *name);

/** Make of the file at @path the one of that name in @folder, in the place of what is there.
 * Returns -ENOENT. */
int tree_move(struct volume *volume, const char *path, const char *folder, const char *name);

/** A new, empty folder. Errors as below. */
int tree_add_folder(struct volume *volume, const char *folder, const char *name);

/** A new file @name with @text in the folder @folder. Returns -ENOENT; -EEXIST. */
int tree_add_text(struct volume *volume, const char *folder, const char *name, const char *text);

/** A new file @name with the content of @file, which is read when the session is. Errors as above,
 * and -errno of finding it. */
int tree_add_file(
	struct volume *volume, const char *folder, const char *name, const struct tree_file *file);
