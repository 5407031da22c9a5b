/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "failures.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/log.h"
#include "base/text.h"
#include "base/util.h"
#include "candidate/installed.h"

#define FOLDER	    "/var/lib/liveng"
#define FILE_NAME   FOLDER "/failed"
#define NO_CHECKSUM "-"

/* RELEASE KERNEL_SUM INITRD_SUM DATE REASON */
static bool parse(char *line, struct failure *ret_set)
{
	static_assert(KERNEL_RELEASE_MAX == 128 && DIGEST_TEXT == 65, "the widths below");

	line[strcspn(line, "\n")] = '\0';
	text_make_safe(line);
	return sscanf(line, "%127s %64s %64s %15s %95[^\n]", ret_set->release, ret_set->kernel_sum,
		       ret_set->initrd_sum, ret_set->date, ret_set->reason) == 5;
}

void failures_read(const struct kupd_run *run, struct failures *ret_failed)
{
	cleanup(close_file) FILE *stream = NULL;
	autofree char *path = text_new("%s" FILE_NAME, run->options->root);
	char line[512];

	*ret_failed = (struct failures){0};
	stream = path && run_knows_system(run) ? fopen(path, "re") : NULL;
	while (stream && ret_failed->n < FAILURES_MAX && fgets(line, sizeof(line), stream))
		ret_failed->n += parse(line, &ret_failed->sets[ret_failed->n]);
}

const struct failure *failures_find(
	const struct failures *failed, const char *kernel_sum, const char *initrd_sum)
{
	for (size_t i = 0; i < failed->n; i++) {
		const struct failure *set = &failed->sets[i];

		if (strcmp(set->kernel_sum, kernel_sum) == 0 &&
			strcmp(set->initrd_sum, initrd_sum) == 0)
			return set;
	}
	return NULL;
}

static int write_whole(const char *path, const char *new_path, const struct failures *failed)
{
	cleanup(close_file) FILE *stream = NULL;
	autoclose int fd = -1;

	fd = open(new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	stream = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (!stream)
		return -errno;
	(void)steal_fd(&fd);
	for (size_t i = 0; i < failed->n; i++) {
		const struct failure *set = &failed->sets[i];

		fprintf(stream, "%s %s %s %s %s\n", set->release, set->kernel_sum, set->initrd_sum,
			set->date, set->reason);
	}
	errno = EIO;
	if (fflush(stream) != 0 || ferror(stream) || fsync(fileno(stream)) < 0)
		return -errno;
	if (fclose(steal_pointer(stream)) != 0 || rename(new_path, path) < 0)
		return -errno;
	return 0;
}

static int sync_folder(const char *path)
{
	autoclose int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int write_list(const char *root, const struct failures *failed)
{
	autofree char *folder = text_new("%s" FOLDER, root);
	autofree char *path = text_new("%s" FILE_NAME, root);
	autofree char *new_path = text_new("%s" FILE_NAME ".new", root);
	int r;

	if (!folder || !path || !new_path)
		return -ENOMEM;
	if (failed->n == 0) {
		if (unlink(path) < 0)
			return errno == ENOENT ? 0 : -errno;
		return sync_folder(folder);
	}
	if (mkdir(folder, 0755) < 0 && errno != EEXIST)
		return -errno;
	r = write_whole(path, new_path, failed);
	return r == 0 ? sync_folder(folder) : r;
}

static void save(const struct kupd_run *run, const struct failures *failed)
{
	int r;

	r = write_list(run->options->root, failed);
	if (r < 0)
		log_warning("%s" FILE_NAME ": cannot record which kernel sets failed: %s",
			run->options->root, error_text(r));
}

static void drop(struct failures *failed, size_t i)
{
	memmove(&failed->sets[i], &failed->sets[i + 1],
		(failed->n - i - 1) * sizeof(failed->sets[0]));
	failed->n--;
}

static bool is_same(const struct failure *a, const struct failure *b)
{
	return strcmp(a->release, b->release) == 0 && strcmp(a->kernel_sum, b->kernel_sum) == 0 &&
	       strcmp(a->initrd_sum, b->initrd_sum) == 0;
}

void failures_note(const struct kupd_run *run, const struct kernelset *set, const char *reason)
{
	struct failure entry = {.kernel_sum = NO_CHECKSUM, .initrd_sum = NO_CHECKSUM};
	time_t now = time(NULL);
	struct failures failed;
	struct tm tm;

	if (!run_knows_system(run))
		return;
	snprintf(entry.release, sizeof(entry.release), "%s", set->release);
	snprintf(entry.reason, sizeof(entry.reason), "%s", reason);
	if (set->has_sums) {
		memcpy(entry.kernel_sum, set->kernel_sum, DIGEST_TEXT);
		memcpy(entry.initrd_sum, set->initrd_sum, DIGEST_TEXT);
	}
	if (!localtime_r(&now, &tm) || !strftime(entry.date, sizeof(entry.date), "%Y-%m-%d", &tm))
		strcpy(entry.date, "-");

	failures_read(run, &failed);
	for (size_t i = failed.n; i-- > 0;)
		if (is_same(&failed.sets[i], &entry))
			drop(&failed, i);
	if (failed.n == FAILURES_MAX)
		drop(&failed, 0);
	failed.sets[failed.n++] = entry;
	save(run, &failed);
}

void failures_forget(const struct kupd_run *run, const char *kernel_sum, const char *initrd_sum)
{
	const struct failure *set;
	struct failures failed;

	failures_read(run, &failed);
	set = failures_find(&failed, kernel_sum, initrd_sum);
	if (!set)
		return;
	drop(&failed, (size_t)(set - failed.sets));
	save(run, &failed);
}

void failures_forget_older(const struct kupd_run *run, const char *release)
{
	struct failures failed;
	size_t before;

	failures_read(run, &failed);
	before = failed.n;
	for (size_t i = failed.n; i-- > 0;)
		if (!installed_is_newer(failed.sets[i].release, release))
			drop(&failed, i);
	if (failed.n < before)
		save(run, &failed);
}
