/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "system.h"

#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "base/util.h"
#include "candidate/installed.h"
#include "machine/dpkgstatus.h"

#define FACTORY_KERNEL	"/run/live/medium/live/vmlinuz"
#define IMAGE_MODULES	"/run/live/rootfs/*/usr/lib/modules/"
#define HEAD_SIZE	(64 * 1024u) /* what kernel_release() needs */
#define DPKG_STATUS_MAX (64 * MIB)

bool system_has_modules(const struct kupd_run *run, const char *release)
{
	return !run_knows_system(run) || installed_has_modules(run->options->root, release);
}

int system_check_modules(const struct kupd_run *run, const struct stick *stick, const char *release)
{
	if (system_has_modules(run, release))
		return 0;
	if (run->options->force) {
		log_warning("%s: %s has no modules in /lib/modules any more: going on "
			    "because of --force",
			stick->name, release);
		return 0;
	}
	return refuse(-ERR_REFUSED,
		"%s: %s has no modules in /lib/modules any more, and would come up "
		"without network, "
		"sound and more: install linux-image-%s first, or use --force",
		stick->name, release, release);
}

int system_factory_release(const struct kupd_run *run, char ret_release[KERNEL_RELEASE_MAX])
{
	autofree char *path = text_new("%s" FACTORY_KERNEL, run->options->root);
	autofree void *head = malloc(HEAD_SIZE);
	autoclose int fd = -1;
	ssize_t n;

	if (!path || !head)
		return -ENOMEM;
	fd = run_knows_system(run) ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY) : -1;
	if (fd < 0)
		return -ENOENT;
	n = pread(fd, head, HEAD_SIZE, 0);
	return n < 0 ? -errno : kernel_release(head, (uint64_t)n, ret_release);
}

/* What dpkg has recorded; NULL: not known. The caller frees it. */
static char *read_dpkg_status(const struct kupd_run *run)
{
	autofree char *path = text_new("%s/" DPKGSTATUS_PATH, run->options->root);
	void *status = NULL;
	size_t size;

	if (!path || !run_knows_system(run) ||
		file_read_whole(path, DPKG_STATUS_MAX, &status, &size) < 0)
		return NULL;
	return status;
}

char *system_held_kernels(const struct kupd_run *run)
{
	autofree char *status = read_dpkg_status(run);

	return status ? dpkgstatus_held(status, "linux-image-") : strdup("");
}

char *system_packages_of(const struct kupd_run *run, const char *releases)
{
	static const char *const kinds[] = {"", "-unsigned"};
	autofree char *status = read_dpkg_status(run);
	char *packages = NULL;
	size_t size;
	FILE *stream = open_memstream(&packages, &size);

	if (!stream)
		return NULL;
	for (size_t n; status && *(releases += strspn(releases, " ")); releases += n) {
		n = strcspn(releases, " ");
		for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
			autofree char *name =
				text_new("linux-image-%.*s%s", (int)n, releases, kinds[i]);

			if (name && dpkgstatus_has(status, name))
				fprintf(stream, "%s%s", ftell(stream) > 0 ? " " : "", name);
		}
	}
	if (fclose(stream) != 0) {
		free(packages);
		return NULL;
	}
	return packages;
}

static bool is_in_image(const struct kupd_run *run, const char *release)
{
	autofree char *pattern = text_new("%s" IMAGE_MODULES "%s", run->options->root, release);
	cleanup(globfree) glob_t found = {0};

	return pattern && glob(pattern, GLOB_NOSORT, NULL, &found) == 0;
}

/* Does something boot it, or has it? */
static bool is_needed(
	const struct kupd_run *run, const struct inventory *inventory, const char *release)
{
	const struct kernelset *other = inventory_other(inventory);
	struct utsname running;

	if (strcmp(release, inventory->current.release) == 0 ||
		(other && strcmp(release, other->release) == 0))
		return true;
	if (run->options->target == STICK_RUNNING && uname(&running) == 0 &&
		strcmp(release, running.release) == 0)
		return true;
	return is_in_image(run, release);
}

char *system_old_kernels(
	const struct kupd_run *run, const struct inventory *inventory, uint64_t *ret_bytes)
{
	char release[KERNEL_RELEASE_MAX], newer[KERNEL_RELEASE_MAX];
	const char *root = run->options->root;
	char *names = NULL;
	size_t size;
	FILE *stream = open_memstream(&names, &size);

	*ret_bytes = 0;
	if (!stream)
		return NULL;
	if (run_knows_system(run) && inventory->has_current) {
		snprintf(newer, sizeof(newer), "%s", inventory->current.release);
		while (installed_newest(root, newer, release) == 0) {
			memcpy(newer, release, sizeof(newer));
			if (is_needed(run, inventory, release))
				continue;
			fprintf(stream, "%s%s", ftell(stream) > 0 ? " " : "", release);
			*ret_bytes += installed_size(root, release);
		}
	}
	if (fclose(stream) != 0) {
		free(names);
		return NULL;
	}
	return names;
}
