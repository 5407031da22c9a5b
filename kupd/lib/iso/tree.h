/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The directories and files of a volume, walked and changed in memory. Changes reach no medium
 * until a session is made from them.
 */

#include "volume.h"

/* A file on this machine, or part of one, so that an image's kernel need not be extracted first. */
struct tree_file {
	const char *path;	 /* NULL: the open file @fd */
	struct volume_file part; /* size 0: the whole file */
	int fd;			 /* not owned; must stay open as long as the tree */
};

/** Names in the folder @path ("/", "/live"), sorted, NULL-terminated. Returns -ENOENT, also if it
 * is not a folder; -errno. The caller frees them with tree_names_free(). */
int tree_list(const struct volume *volume, const char *path, char ***ret_names);

void tree_names_free(char **names);
void tree_names_freep(char ***names);

/** Is there a folder, or with @folder false a regular file, at @path? */
bool tree_has(const struct volume *volume, const char *path, bool folder);

/** Called for each extent (bytes on the disk) of a file, in file order; a negative errno stops the
 * walk. */
typedef int (*tree_extent)(void *data, const char *name, struct extent extent);

/** Walk over all extents of all regular files. Returns -ERR_DAMAGED if one does not lie inside the
 * volume, whatever @found returns, -errno. */
int tree_walk(const struct volume *volume, tree_extent found, void *data);

/** Remove a file, or a folder with everything in it. Returns -ENOENT. */
int tree_remove(struct volume *volume, const char *path);

/** Rename the node at @path within its folder. Returns -ENOENT; -EEXIST. */
int tree_rename(struct volume *volume, const char *path, const char *name);

/** Move the file at @path to @folder under the name @name, replacing what is there. Returns
 * -ENOENT. */
int tree_move(struct volume *volume, const char *path, const char *folder, const char *name);

/** Add a new, empty folder. Errors as below. */
int tree_add_folder(struct volume *volume, const char *folder, const char *name);

/** Add a file @name containing @text to the folder @folder. Returns -ENOENT; -EEXIST. */
int tree_add_text(struct volume *volume, const char *folder, const char *name, const char *text);

/** Add a file @name with the content of @file, which is read only when the session is. Errors as
 * above, and -errno of finding it. */
int tree_add_file(
	struct volume *volume, const char *folder, const char *name, const struct tree_file *file);
