/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "apt.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/child.h"
#include "base/file.h"
#include "base/log.h"
#include "base/tempfile.h"
#include "base/text.h"
#include "base/util.h"

#define STATUS	    "status" /* the names of our two temporary files */
#define CONFIG	    "apt.conf"
#define OFFERED_MAX 512u /* files */
#define NAMES_MAX   8u	 /* packages asked for at once */

/* What apt may not do on the stick it does not plan here. */
#define CONFIG_TEXT                            \
	"Dir \"/nonexistent\";\n"              \
	"Dir::Bin::dpkg \"/usr/bin/dpkg\";\n"  \
	"APT::Architecture \"%s\";\n"          \
	"APT::Architectures { \"%s\"; };\n"    \
	"APT::Install-Recommends \"false\";\n" \
	"APT::Get::Remove \"false\";\n"        \
	"APT::Sandbox::User \"\";\n"

struct apt {
	const struct observer *observer;
	char *arch;
	char *folder;		    /* ours, since apt wants files with names; NULL: not yet */
	char *environment;	    /* "APT_CONFIG=…", a file in it */
	char *status_option;	    /* "Dir::State::status=…", the other one */
	char *offered[OFFERED_MAX]; /* paths */
	size_t n_offered;
	char *why;
};

/* Note why it fails, and return @error, or -ENOMEM. */
static int fail(struct apt *apt, int error, const char *what)
{
	free(apt->why);
	apt->why = text_new("%s: %s", what, error_text(error));
	return apt->why ? error : -ENOMEM;
}

static int put(const char *path, const char *text)
{
	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : file_write(fd, text, strlen(text), 0);
}

int apt_describe(struct apt *apt, const char *status_text, const char *arch)
{
	autofree char *folder = text_new("%s/livengXXXXXX", tempfile_folder());
	autofree char *status = NULL, *config = NULL, *config_text = NULL;
	int r;

	if (!folder)
		return -ENOMEM;
	if (!mkdtemp(folder))
		return fail(apt, -errno, folder);
	apt->folder = steal_pointer(folder);
	status = text_new("%s/" STATUS, apt->folder);
	config = text_new("%s/" CONFIG, apt->folder);
	config_text = text_new(CONFIG_TEXT, arch, arch);
	apt->arch = strdup(arch);
	apt->status_option = text_new("Dir::State::status=%s", status);
	apt->environment = text_new("APT_CONFIG=%s", config);
	if (!status || !config || !config_text || !apt->arch || !apt->status_option ||
		!apt->environment)
		return -ENOMEM;
	r = put(status, status_text);
	if (r == 0)
		r = put(config, config_text);
	return r < 0 ? fail(apt, r, apt->folder) : 0;
}

int apt_new(struct apt **ret_apt, const struct observer *observer)
{
	struct apt *apt = calloc(1, sizeof(*apt));

	if (!apt)
		return -ENOMEM;
	apt->observer = observer;
	*ret_apt = apt;
	return 0;
}

/* With what apt has left in it. */
static void remove_folder(const char *path)
{
	cleanup(close_folder) DIR *folder = opendir(path);
	struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		(void)unlinkat(dirfd(folder), entry->d_name, 0);
	(void)rmdir(path);
}

void apt_free(struct apt *apt)
{
	if (!apt)
		return;
	for (size_t i = 0; i < apt->n_offered; i++)
		free(apt->offered[i]);
	if (apt->folder)
		remove_folder(apt->folder);
	free(apt->folder);
	free(apt->arch);
	free(apt->environment);
	free(apt->status_option);
	free(apt->why);
	free(apt);
}

void apt_freep(struct apt **apt)
{
	apt_free(*apt);
}

const char *apt_why(const struct apt *apt)
{
	return apt->why;
}

/* Note what @path is, and return -ERR_FOREIGN. */
static int fail_file(struct apt *apt, const char *path, const char *is)
{
	free(apt->why);
	apt->why = text_new("%s: %s", path, is);
	return apt->why ? -ERR_FOREIGN : -ENOMEM;
}

/* apt would wait for a FIFO, and does not say which file it cannot read. */
static int check_file(struct apt *apt, const char *path)
{
	static const char magic[] = "!<arch>\ndebian-binary";
	char head[sizeof(magic) - 1];
	autoclose int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(apt, -errno, path);
	if (!S_ISREG(st.st_mode))
		return fail_file(apt, path, "is not a file");
	r = file_read(fd, head, sizeof(head), 0);
	if (r == -ERR_SHORT || (r == 0 && memcmp(head, magic, sizeof(head)) != 0))
		return fail_file(apt, path, "is not a Debian package");
	return r < 0 ? fail(apt, r, path) : 0;
}

/* Takes @path, an allocated text or NULL. */
static int offer(struct apt *apt, char *path)
{
	int r = path ? check_file(apt, path) : -ENOMEM;

	if (r == 0 && apt->n_offered == OFFERED_MAX)
		r = fail_file(apt, path, "is one package too many: there may be 512");
	if (r == 0)
		apt->offered[apt->n_offered++] = path;
	else
		free(path);
	return r;
}

int apt_offer(struct apt *apt, const char *path)
{
	cleanup(close_folder) DIR *folder = opendir(path);
	autofree char *whole = NULL;
	struct dirent *entry;

	if (!folder)
		return fail(apt, -errno, path);
	whole = realpath(path, NULL);
	if (!whole)
		return fail(apt, -errno, path);
	while ((entry = readdir(folder))) {
		const char *suffix = strrchr(entry->d_name, '.');
		int r = 0;

		if (suffix && strcmp(suffix, ".deb") == 0 && entry->d_name[0] != '.')
			r = offer(apt, text_new("%s/%s", whole, entry->d_name));
		if (r < 0)
			return r;
	}
	return apt->n_offered > 0 ? 0 : -ENODATA;
}

int apt_offer_download(struct apt *apt, const char *const names[])
{
	const char *argv[NAMES_MAX + 16] = {"env", "-C", apt->folder, "apt-get", "-qq", "-o",
		"APT::Sandbox::User=", "-o", "Acquire::Retries=1", "-o",
		"Acquire::http::Timeout=20", "download"};
	autofree char *output = NULL;
	int status, r;

	for (size_t n = 12, i = 0; i < NAMES_MAX && names[i]; i++)
		argv[n++] = names[i];
	log_step("asking apt for %s", names[0]);
	r = child_capture(argv, NULL, apt->observer, &status, &output);
	if (r == -ENOMEM || r == -EINTR)
		return r;
	return r < 0 || status != 0 ? -ENODATA : apt_offer(apt, apt->folder);
}

/* apt-get names what is missing in a line of its own: " NAME : Depends: LIBRARY but it is not
 * installable". */
static char *find_reason(const char *output)
{
	const char *start = strstr(output, " : ");

	while (start && start > output && start[-1] != '\n')
		start--;
	if (!start)
		start = strstr(output, "E: ") ?: "E: apt-get does not say why";
	start += strncmp(start, "E: ", 3) == 0 ? 3 : strspn(start, " ");
	return strndup(start, strcspn(start, "\n"));
}

/* Why @name cannot be installed; NULL: no memory. */
static char *explain(const struct apt *apt, const char *name, const char *output)
{
	if (strstr(output, "E: Unable to locate package "))
		return text_new("there is no %s for %s", name, apt->arch);
	if (strstr(output, apt->folder))
		return strdup("what dpkg has recorded in it is damaged");
	return find_reason(output);
}

/* What it prints: "'file:/PATH' NAME SIZE", a line for each file. */
static int run(struct apt *apt, const char *const names[], char **ret_output)
{
	const char *argv[2 * OFFERED_MAX + NAMES_MAX + 8] = {
		"apt-get", "-o", apt->status_option, "--yes", "--print-uris"};
	const char *const environment[] = {apt->environment, NULL};
	int status, r;
	size_t n = 5;

	for (size_t i = 0; i < apt->n_offered; i++) {
		argv[n++] = "--with-source";
		argv[n++] = apt->offered[i];
	}
	argv[n++] = "install";
	for (size_t i = 0; i < NAMES_MAX && names[i]; i++)
		argv[n++] = names[i];
	r = child_capture(argv, environment, apt->observer, &status, ret_output);
	if (r == -ENOENT)
		return fail_file(apt, "apt-get", "is not installed: install apt here");
	if (r < 0)
		return r == -EINTR ? r : fail(apt, r, "apt-get");
	if (status == 0)
		return 0;
	free(apt->why);
	apt->why = explain(apt, names[0], *ret_output);
	return apt->why ? -ERR_TOOL : -ENOMEM;
}

/* Undo the %xx of a URI, in place. */
static void decode(char *text)
{
	char *to = text;
	unsigned int byte;

	for (const char *from = text; *from; from++) {
		if (*from == '%' && sscanf(from + 1, "%2x", &byte) == 1) {
			*to++ = (char)byte;
			from += 2;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
}

int apt_choose(struct apt *apt, const char *const names[], char ***ret_paths)
{
	static const char begin[] = "'file:";
	cleanup(apt_paths_freep) char **paths = calloc(apt->n_offered + 1, sizeof(*paths));
	autofree char *output = NULL;
	char *line, *next;
	size_t n = 0;
	int r = paths ? run(apt, names, &output) : -ENOMEM;

	if (r < 0)
		return r;
	next = output;
	while (n < apt->n_offered && (line = strsep(&next, "\n"))) {
		char *end = strstr(line, "' ");

		if (strncmp(line, begin, strlen(begin)) != 0 || !end)
			continue;
		*end = '\0';
		decode(line);
		paths[n] = strdup(line + strlen(begin));
		if (!paths[n++])
			return -ENOMEM;
	}
	if (n == 0)
		return fail(apt, -ERR_TOOL, "apt-get names no file");
	*ret_paths = steal_pointer(paths);
	return 0;
}

void apt_paths_free(char **paths)
{
	for (size_t i = 0; paths && paths[i]; i++)
		free(paths[i]);
	free(paths);
}

void apt_paths_freep(char ***paths)
{
	apt_paths_free(*paths);
}
