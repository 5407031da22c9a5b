/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "settree.h"

#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "kernelset.h"

#define FOLDER "/" KERNELSET_FOLDER

static bool is_among(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

/* Remove everything from a folder except @names. @folder ends with a slash. */
static int keep_only(struct volume *volume, const char *folder, const char *const *names, size_t n)
{
	cleanup(tree_names_freep) char **present = NULL;
	int r;

	r = tree_list(volume, folder, &present);
	for (size_t i = 0; r == 0 && present[i]; i++) {
		autofree char *path = text_new("%s%s", folder, present[i]);

		if (!path)
			return -ENOMEM;
		if (!is_among(present[i], names, n))
			r = tree_remove(volume, path);
	}
	return r;
}

/* Prepare the folder /live, with the current set renamed or empty. */
static int prepare_tree(struct volume *volume, bool keep_current)
{
	static const char *const top[] = {KERNELSET_FOLDER};
	static const char *const set[] = {KERNELSET_KERNEL, KERNELSET_INITRD, KERNELSET_RELEASE,
		KERNELSET_SUMS, KERNELSET_MENU};
	int r;

	/* Anything else in the tree lies in the slot that will be overwritten next time. */
	r = keep_only(volume, "/", top, ARRAY_SIZE(top));
	if (r == 0 && tree_has(volume, FOLDER, false))
		r = -ERR_DAMAGED;
	if (r == 0 && !tree_has(volume, FOLDER, true))
		r = tree_add_folder(volume, "/", KERNELSET_FOLDER);
	if (r == 0)
		r = keep_only(volume, FOLDER "/", set, keep_current ? ARRAY_SIZE(set) : 0);
	for (size_t i = 0; r == 0 && keep_current && i < ARRAY_SIZE(set); i++) {
		char path[64], name[64];

		snprintf(path, sizeof(path), FOLDER "/%s", set[i]);
		snprintf(name, sizeof(name), "%s" KERNELSET_OLD, set[i]);
		r = tree_rename(volume, path, name);
		if (r == -ENOENT)
			r = 0;
	}
	return r;
}

/* Add a set's release, in the forms for people and for the boot menu. */
static int add_release(
	struct volume *volume, const char *release, const char *name, const char *menu_name)
{
	autofree char *menu = NULL;
	int r;

	r = kernelset_menu_text(release, &menu);
	if (r == 0)
		r = tree_add_text(volume, FOLDER, name, release);
	if (r == 0)
		r = tree_add_text(volume, FOLDER, menu_name, menu);
	return r;
}

static int fill_tree(struct volume *volume, const struct settree *content)
{
	int r;

	r = tree_add_file(volume, FOLDER, KERNELSET_KERNEL, &content->kernel);
	if (r == 0)
		r = tree_add_file(volume, FOLDER, KERNELSET_INITRD, &content->initrd);
	if (r == 0)
		r = add_release(volume, content->release, KERNELSET_RELEASE, KERNELSET_MENU);
	if (r == 0)
		r = tree_add_text(volume, FOLDER, KERNELSET_SUMS, content->sums);
	if (r == 0 && content->keep_current && content->old_release)
		r = add_release(volume, content->old_release, KERNELSET_RELEASE KERNELSET_OLD,
			KERNELSET_MENU KERNELSET_OLD);
	if (r == 0 && content->keep_current && content->old_sums)
		r = tree_add_text(volume, FOLDER, KERNELSET_SUMS KERNELSET_OLD, content->old_sums);
	return r;
}

int settree_fill(struct volume *volume, const struct settree *content)
{
	int r;

	r = prepare_tree(volume, content->keep_current);
	return r == 0 ? fill_tree(volume, content) : r;
}
