/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "candidate.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "abilities.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "base/util.h"
#include "initrd/initrd.h"
#include "installed.h"
#include "kernel/pe.h"
#include "modules.h"

#define READ_PIECE (256 * 1024u)

static int open_file(
	const char *path, const char *what, const char *way_out, int *ret_fd, struct stat *ret_stat)
{
	autoclose int fd = -1;
	struct stat st;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return refuse(-ERR_REFUSED, "%s: no such %s%s", path, what, way_out);
	if (fd < 0 || fstat(fd, &st) < 0)
		return report(-errno, "%s: cannot open the %s", path, what);
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		return refuse(-ERR_REFUSED, "%s: the %s is %s", path, what,
			S_ISREG(st.st_mode) ? "empty" : "not a regular file");
	*ret_fd = steal_fd(&fd);
	*ret_stat = st;
	return 0;
}

/* For a kernel given without a release: read the release from the kernel. */
static int release_of_file(const char *path, char ret_release[KERNEL_RELEASE_MAX])
{
	autoclose int fd = -1;
	struct kernel kernel;
	struct stat st;
	int r;

	r = open_file(path, "kernel", "", &fd, &st);
	if (r == 0)
		r = kernel_read(fd, path, &kernel);
	if (r == 0)
		memcpy(ret_release, kernel.release, sizeof(kernel.release));
	return r;
}

static int choose_release(
	const struct candidate_source *source, char ret_release[KERNEL_RELEASE_MAX])
{
	if (source->release) {
		if (!kernel_is_release(source->release, strlen(source->release)))
			return refuse(-ERR_REFUSED,
				"\"%s\" is not a kernel release as printed by `uname -r`",
				source->release);
		snprintf(ret_release, KERNEL_RELEASE_MAX, "%s", source->release);
		return 0;
	}
	if (source->kernel)
		return release_of_file(source->kernel, ret_release);
	if (installed_newest_like(source->root, source->like, ret_release) < 0)
		return refuse(-ERR_REFUSED,
			"%s/boot: no kernel found: install one with apt, or name another system "
			"with --root, or files with --kernel and --initrd",
			source->root);
	return 0;
}

/* Of a kernel that was given, the configuration next to it; else that of the installed one. */
static char *find_config(const struct candidate_source *source, const char *release)
{
	autofree char *path = NULL;
	const char *name;

	if (!source->kernel)
		return installed_config(source->root, release);
	name = strrchr(source->kernel, '/') ? strrchr(source->kernel, '/') + 1 : source->kernel;
	path = text_new("%.*sconfig-%s", (int)(name - source->kernel), source->kernel, release);
	return path && access(path, F_OK) == 0 ? steal_pointer(path) : NULL;
}

int candidate_find(const struct candidate_source *source, struct candidate **ret_candidate)
{
	cleanup(candidate_freep) struct candidate *candidate = calloc(1, sizeof(*candidate));
	autofree char *way_out = NULL;
	int r;

	if (!candidate)
		return -ENOMEM;
	candidate->kernel_fd = candidate->initrd_fd = -1;
	r = choose_release(source, candidate->release);
	if (r < 0)
		return r;

	candidate->kernel_path = source->kernel
					 ? strdup(source->kernel)
					 : installed_kernel(source->root, candidate->release);
	if (!candidate->kernel_path)
		return errno == ENOMEM ? -errno
				       : refuse(-ERR_REFUSED, "%s/boot/vmlinuz-%s: no such kernel",
						 source->root, candidate->release);
	if (source->initrd)
		candidate->initrd_path = strdup(source->initrd);
	else
		candidate->initrd_path = installed_initrd(source->root, candidate->release);
	candidate->config_path = find_config(source, candidate->release);
	way_out = text_new(
		": build it with " INITRD_BUILD ", or name one with --initrd", candidate->release);
	if (!candidate->initrd_path || !way_out)
		return -ENOMEM;

	r = open_file(candidate->kernel_path, "kernel", "", &candidate->kernel_fd,
		&candidate->kernel_stat);
	if (r == 0)
		r = open_file(candidate->initrd_path, "initrd", way_out, &candidate->initrd_fd,
			&candidate->initrd_stat);
	if (r < 0)
		return r;
	candidate->kernel_size = (uint64_t)candidate->kernel_stat.st_size;
	candidate->initrd_size = (uint64_t)candidate->initrd_stat.st_size;
	*ret_candidate = steal_pointer(candidate);
	return 0;
}

bool candidate_file_is_unchanged(const char *path, int fd, const struct stat *before)
{
	struct stat opened, named;

	/* Check by path as well: the session was made from the path. */
	return fstat(fd, &opened) == 0 && stat(path, &named) == 0 &&
	       opened.st_dev == named.st_dev && opened.st_ino == named.st_ino &&
	       opened.st_size == before->st_size &&
	       opened.st_ctim.tv_sec == before->st_ctim.tv_sec &&
	       opened.st_ctim.tv_nsec == before->st_ctim.tv_nsec;
}

static int check_unchanged(const char *path, int fd, const struct stat *before)
{
	if (candidate_file_is_unchanged(path, fd, before))
		return 0;
	return refuse(-ERR_SOURCE, "%s: changed while it was being written: try again", path);
}

int candidate_check_unchanged(const struct candidate *candidate)
{
	int r;

	r = check_unchanged(candidate->kernel_path, candidate->kernel_fd, &candidate->kernel_stat);
	if (r == 0)
		r = check_unchanged(
			candidate->initrd_path, candidate->initrd_fd, &candidate->initrd_stat);
	return r;
}

void candidate_free(struct candidate *candidate)
{
	if (!candidate)
		return;
	close_fd(&candidate->kernel_fd);
	close_fd(&candidate->initrd_fd);
	free(candidate->kernel_path);
	free(candidate->initrd_path);
	free(candidate->config_path);
	free(candidate);
}

void candidate_freep(struct candidate **candidate)
{
	candidate_free(*candidate);
}

static int digest_file(int fd, const char *path, uint64_t size, const struct observer *observer,
	char ret_sum[DIGEST_TEXT])
{
	cleanup(digest_freep) struct digest *digest = digest_new();
	autofree uint8_t *buffer = malloc(READ_PIECE);
	uint64_t done = 0;
	ssize_t n;

	if (!digest || !buffer)
		return -ENOMEM;
	while ((n = pread(fd, buffer, READ_PIECE, (off_t)done)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return report(-errno, "%s: cannot read it", path);
		if (observer_interrupted(observer))
			return -EINTR;
		if (digest_add(digest, buffer, (size_t)n) < 0)
			return -ERR_TOOL;
		done += (uint64_t)n;
	}
	if (done != size)
		return refuse(-ERR_REFUSED, "%s: changed while it was being read: try again", path);
	return digest_end(digest, ret_sum);
}

int candidate_digest(struct candidate *candidate, const struct observer *observer)
{
	int r;

	log_step("reading %s and %s", candidate->kernel_path, candidate->initrd_path);
	r = digest_file(candidate->kernel_fd, candidate->kernel_path, candidate->kernel_size,
		observer, candidate->kernel_sum);
	if (r == 0)
		r = digest_file(candidate->initrd_fd, candidate->initrd_path,
			candidate->initrd_size, observer, candidate->initrd_sum);
	return r;
}

static int check_kernel(const struct candidate *candidate, const struct host *host)
{
	const char *path = candidate->kernel_path;
	struct kernel kernel;
	int r;

	r = kernel_read(candidate->kernel_fd, path, &kernel);
	if (r < 0)
		return r;
	if (strcmp(kernel.release, candidate->release) != 0)
		return refuse(-ERR_REFUSED, "%s: is a kernel of release %s, not %s", path,
			kernel.release, candidate->release);
	if (!kernel.is_signed && host && host_enforces_secure_boot(host))
		return refuse(-ERR_REFUSED,
			"%s: is not signed, and this machine enforces Secure Boot: it would not "
			"boot here",
			path);
	return 0;
}

/* NULL: the kernel has none, or it says nothing about the kernel. */
static struct kconfig *read_config(const struct candidate *candidate)
{
	struct kconfig *config = NULL;
	int r;

	r = candidate->config_path ? kconfig_read(candidate->config_path, &config) : -ENOENT;
	if (r < 0 && r != -ENOENT)
		log_warning("%s: cannot be read as the configuration of a kernel, so what this one "
			    "can do is not checked: %s",
			candidate->config_path, error_text(r));
	return config;
}

static int check_initrd(
	const struct candidate *candidate, const struct luks *luks, const struct observer *observer)
{
	cleanup(initrd_freep) struct initrd *initrd = NULL;
	cleanup(kconfig_freep) struct kconfig *config = NULL;
	struct abilities abilities = {
		.kernel = candidate->kernel_path, .release = candidate->release};
	const char *path = candidate->initrd_path;
	int r, s, t;

	r = initrd_read(candidate->initrd_fd, path, observer ? observer->interrupted : NULL,
		observer ? observer->data : NULL, &initrd);
	if (r < 0)
		return r;
	abilities.config = config = read_config(candidate);
	r = abilities_check(&abilities, initrd, path);
	s = initrd_check(initrd, path, candidate->release);
	t = modules_check(initrd, path, luks, &abilities);
	return r < 0 ? r : s < 0 ? s : t;
}

int candidate_check(const struct candidate *candidate, const struct host *host,
	const struct luks *luks, const struct observer *observer)
{
	int r, s;

	log_step("checking %s and %s", candidate->kernel_path, candidate->initrd_path);
	/* Check both, so that one run shows everything that is wrong. */
	r = check_kernel(candidate, host);
	if (r < 0 && r != -ERR_REFUSED)
		return r;
	s = check_initrd(candidate, luks, observer);
	return s < 0 ? s : r;
}

bool candidate_is_signed(const struct candidate *candidate)
{
	uint8_t head[4096];

	return file_read(candidate->kernel_fd, head, sizeof(head), 0) == 0 &&
	       pe_head_is_signed(head, sizeof(head));
}
