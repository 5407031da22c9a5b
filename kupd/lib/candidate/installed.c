/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "installed.h"

#include <string.h>

#include "base/text.h"
#include "base/util.h"

char *installed_kernel(const char *root, const char *release)
{
	static const struct {
		const char *before, *after; /* the release */
	} places[] = {{"/boot/vmlinuz-", ""}, {"/usr/lib/modules/", "/vmlinuz"},
		{"/lib/modules/", "/vmlinuz"}};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		autofree char *path =
			text_new("%s%s%s%s", root, places[i].before, release, places[i].after);

		if (!path || access(path, F_OK) == 0)
			return steal_pointer(path);
	}
	return NULL;
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

/* A file set aside by dpkg or by the administrator is not a release. */
static bool is_set_aside(const char *name)
{
	const char *tilde = strrchr(name, '~');

	return strstr(name, ".dpkg-") || strstr(name, ".old") || strstr(name, ".bak") ||
	       (tilde && !is_release_candidate(tilde));
}

/* Find the newest release among the names in a folder that begin with @prefix and have a kernel. */
static void scan(const char *root, const char *folder_name, const char *prefix, const char *before,
	char newest[KERNEL_RELEASE_MAX])
{
	cleanup(close_folder) DIR *folder = NULL;
	autofree char *path = text_new("%s%s", root, folder_name);
	struct dirent *entry;

	folder = path ? opendir(path) : NULL;
	while (folder && (entry = readdir(folder))) {
		const char *release = entry->d_name + strlen(prefix);
		autofree char *kernel = NULL;

		if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0 || release[0] == '.' ||
			strlen(release) >= KERNEL_RELEASE_MAX || is_set_aside(release))
			continue;
		if (before && !installed_is_newer(before, release))
			continue;
		kernel = installed_kernel(root, release);
		if (kernel && (!newest[0] || installed_is_newer(release, newest)))
			snprintf(newest, KERNEL_RELEASE_MAX, "%s", release);
	}
}

int installed_newest(const char *root, const char *before, char ret_release[KERNEL_RELEASE_MAX])
{
	char newest[KERNEL_RELEASE_MAX] = "";

	scan(root, "/boot", "vmlinuz-", before, newest);
	scan(root, "/usr/lib/modules", "", before, newest);
	scan(root, "/lib/modules", "", before, newest);
	if (!newest[0])
		return -ENOENT;
	memcpy(ret_release, newest, sizeof(newest));
	return 0;
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
