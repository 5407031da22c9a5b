/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "installed.h"

#include <fts.h>
#include <regex.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"

/* A file of a kernel's package, in the first of its places: /boot, or the modules' folder. */
static char *find_file(const char *root, const char *name, const char *release)
{
	char *const paths[] = {text_new("%s/boot/%s-%s", root, name, release),
		text_new("%s/usr/lib/modules/%s/%s", root, release, name),
		text_new("%s/lib/modules/%s/%s", root, release, name)};
	char *found = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (!found && paths[i] && access(paths[i], F_OK) == 0)
			found = paths[i];
		else
			free(paths[i]);
	return found;
}

char *installed_kernel(const char *root, const char *release)
{
	return find_file(root, "vmlinuz", release);
}

char *installed_config(const char *root, const char *release)
{
	return find_file(root, "config", release);
}

char *installed_initrd(const char *root, const char *release)
{
	return text_new("%s/boot/initrd.img-%s", root, release);
}

/* With equal upstream versions, release candidates are older than anything else: 6.12-rc1-amd64,
 * then 6.12-amd64. @rest is what follows the version. */
static bool is_release_candidate(const char *rest)
{
	return strncmp(rest, "-rc", 3) == 0 || strncmp(rest, "~rc", 3) == 0;
}

bool installed_is_newer(const char *a, const char *b)
{
	char x[KERNEL_RELEASE_MAX], y[KERNEL_RELEASE_MAX];
	size_t m = strspn(a, "0123456789."), n = strspn(b, "0123456789.");
	int order;

	snprintf(x, sizeof(x), "%.*s", (int)m, a);
	snprintf(y, sizeof(y), "%.*s", (int)n, b);
	order = strverscmp(x, y);
	if (order == 0)
		order = is_release_candidate(b + n) - is_release_candidate(a + m);
	if (order == 0)
		order = strverscmp(a + m, b + n);
	return order > 0;
}

const char *installed_flavour(const char *release)
{
	/* 6.1.0-50-, 6.12-rc1-, 6.12.90+deb13-, 6.5.0-13parrot1- */
	static const char version[] = "^[0-9.]+(-rc[0-9]+)?([+~][^-]*)?(-[0-9][^-]*)?-";
	regmatch_t match = {.rm_eo = 0};
	regex_t regex;

	if (regcomp(&regex, version, REG_EXTENDED) != 0)
		return release;
	if (regexec(&regex, release, 1, &match, 0) != 0)
		match.rm_eo = 0;
	regfree(&regex);
	return release + match.rm_eo;
}

/* A file set aside by dpkg or by the administrator is not a release. */
static bool is_set_aside(const char *name)
{
	const char *tilde = strrchr(name, '~');

	return strstr(name, ".dpkg-") || strstr(name, ".old") || strstr(name, ".bak") ||
	       (tilde && !is_release_candidate(tilde));
}

/* Find the newest release among the names in a folder that begin with @prefix and have a kernel. */
static void scan(const char *root, const char *folder_name, const char *prefix, const char *before,
	const char *flavour, char newest[KERNEL_RELEASE_MAX])
{
	cleanup(close_folder) DIR *folder = NULL;
	autofree char *path = text_new("%s%s", root, folder_name);
	struct dirent *entry;

	folder = path ? opendir(path) : NULL;
	while (folder && (entry = readdir(folder))) {
		const char *release = entry->d_name + strlen(prefix);
		autofree char *kernel = NULL;

		if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0 || release[0] == '.' ||
			strlen(release) >= KERNEL_RELEASE_MAX ||
			!kernel_is_release(release, strlen(release)) || is_set_aside(release))
			continue;
		if (before && !installed_is_newer(before, release))
			continue;
		if (flavour && strcmp(installed_flavour(release), flavour) != 0)
			continue;
		kernel = installed_kernel(root, release);
		if (kernel && (!newest[0] || installed_is_newer(release, newest)))
			snprintf(newest, KERNEL_RELEASE_MAX, "%s", release);
	}
}

static int find_newest(const char *root, const char *before, const char *flavour,
	char ret_release[KERNEL_RELEASE_MAX])
{
	char newest[KERNEL_RELEASE_MAX] = "";

	scan(root, "/boot", "vmlinuz-", before, flavour, newest);
	scan(root, "/usr/lib/modules", "", before, flavour, newest);
	scan(root, "/lib/modules", "", before, flavour, newest);
	if (!newest[0])
		return -ENOENT;
	memcpy(ret_release, newest, sizeof(newest));
	return 0;
}

int installed_newest(const char *root, const char *before, char ret_release[KERNEL_RELEASE_MAX])
{
	return find_newest(root, before, NULL, ret_release);
}

int installed_newest_like(const char *root, const char *like, char ret_release[KERNEL_RELEASE_MAX])
{
	int r = like ? find_newest(root, NULL, installed_flavour(like), ret_release) : -ENOENT;

	return r == -ENOENT ? find_newest(root, NULL, NULL, ret_release) : r;
}

bool installed_has_modules(const char *root, const char *release)
{
	autofree char *merged = text_new("%s/usr/lib/modules/%s/modules.builtin", root, release);
	autofree char *split = text_new("%s/lib/modules/%s/modules.builtin", root, release);

	return (merged && access(merged, F_OK) == 0) || (split && access(split, F_OK) == 0);
}

static uint64_t size_of_tree(char *path)
{
	char *const paths[] = {path, NULL};
	uint64_t size = 0;
	FTSENT *entry;
	FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, NULL);

	while (tree && (entry = fts_read(tree)))
		if (entry->fts_info == FTS_F || entry->fts_info == FTS_D ||
			entry->fts_info == FTS_SL)
			size += (uint64_t)entry->fts_statp->st_blocks * SECTOR_SIZE;
	if (tree)
		fts_close(tree);
	return size;
}

uint64_t installed_size(const char *root, const char *release)
{
	static const char *const places[] = {"/usr/lib/modules/", "/boot/vmlinuz-",
		"/boot/initrd.img-", "/boot/System.map-", "/boot/config-"};
	uint64_t size = 0;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		autofree char *path = text_new("%s%s%s", root, places[i], release);

		size += path ? size_of_tree(path) : 0;
	}
	return size;
}

int installed_look(
	const char *root, const char *release, struct stat *ret_kernel, struct stat *ret_initrd)
{
	autofree char *kernel = installed_kernel(root, release);
	autofree char *initrd = installed_initrd(root, release);
	struct stat kernel_stat;

	if (!kernel || !initrd || stat(kernel, &kernel_stat) < 0 || stat(initrd, ret_initrd) < 0)
		return -ENOENT;
	*ret_kernel = kernel_stat;
	return 0;
}
