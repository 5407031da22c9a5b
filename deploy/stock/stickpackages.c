/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "stickpackages.h"

#include <fcntl.h>
#include <string.h>

#include "base/child.h"
#include "base/file.h"
#include "base/log.h"
#include "base/tempfile.h"
#include "base/text.h"
#include "base/util.h"
#include "boot/datadir.h"
#include "dpkgstatus.h"

#define COMMON	    "linux-image-liveng-common"
#define META	    "linux-image-liveng-" /* and the flavour of the kernel */
#define INIT	    "systemd-sysv"	  /* which has /sbin/init */
#define FOLDER	    "packages"		  /* in the data of the program */
#define STATUS	    "status"		  /* the names of our two temporary files */
#define CONFIG	    "apt.conf"
#define PACKAGE_MAX (64u * MIB) /* bytes of one file */
#define OFFERED_MAX 512u	/* files in the folder */

/* apt with the image's system in place of this machine's: nothing is looked up, nothing is locked.
 * What it may not do on the stick it does not plan here. */
#define APT_CONFIG                             \
	"Dir \"/nonexistent\";\n"              \
	"Dir::Bin::dpkg \"/usr/bin/dpkg\";\n"  \
	"APT::Architecture \"%s\";\n"          \
	"APT::Architectures { \"%s\"; };\n"    \
	"APT::Install-Recommends \"false\";\n" \
	"APT::Get::Remove \"false\";\n"        \
	"APT::Sandbox::User \"\";\n"

struct choice {
	const char *image_name;
	const char *status; /* what dpkg has recorded in the image's system */
	char *kernel;	    /* the metapackage of Debian's for the kernel, "linux-image-amd64" */
	char *meta;	    /* and ours */
	char arch[DPKGSTATUS_ARCH];
	char *scratch;		    /* a folder of ours, since apt wants files with names */
	char *environment;	    /* "APT_CONFIG=…", a file in it */
	char *status_option;	    /* "Dir::State::status=…", the other one */
	char *offered[OFFERED_MAX]; /* paths of package files */
	size_t n_offered;
	char *why; /* they cannot be had, or not be installed; NULL: there are none */
};

/* Of our folder also what apt left in it. */
static void remove_folder(const char *path)
{
	cleanup(close_folder) DIR *folder = opendir(path);
	struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		(void)unlinkat(dirfd(folder), entry->d_name, 0);
	(void)rmdir(path);
}

static void choice_clear(struct choice *choice)
{
	for (size_t i = 0; i < choice->n_offered; i++)
		free(choice->offered[i]);
	if (choice->scratch)
		remove_folder(choice->scratch);
	free(choice->scratch);
	free(choice->kernel);
	free(choice->meta);
	free(choice->environment);
	free(choice->status_option);
	free(choice->why);
}

void stickpackages_clear(struct stickpackages *packages)
{
	for (size_t i = 0; i < packages->n; i++) {
		free(packages->names[i]);
		close_fd(&packages->fds[i]);
	}
	*packages = (struct stickpackages){0};
}

/* "6.1.0-47-686-pae" is of the flavour 686-pae, "6.12.57+deb13-amd64" of amd64. */
static const char *flavour(const char *release)
{
	const char *dash = strchr(release, '-');
	size_t digits = dash ? strspn(dash + 1, "0123456789") : 0;

	if (digits > 0 && dash[1 + digits] == '-')
		dash += 1 + digits;
	return dash ? dash + 1 : release;
}

/* Note why it fails, and return @error, or -ENOMEM. */
static int fail(struct choice *choice, int error, const char *what)
{
	free(choice->why);
	choice->why = text_new("%s: %s", what, error_text(error));
	return choice->why ? error : -ENOMEM;
}

static int put(const char *path, const char *text, size_t size)
{
	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : file_write(fd, text, size, 0);
}

/* What apt is told about the image's system. */
static int configure(struct choice *choice)
{
	autofree char *folder = text_new("%s/livengXXXXXX", tempfile_folder());
	autofree char *status = NULL, *path = NULL, *config = NULL;
	int r;

	if (!folder)
		return -ENOMEM;
	if (!mkdtemp(folder))
		return fail(choice, -errno, folder);
	choice->scratch = steal_pointer(folder);
	status = text_new("%s/" STATUS, choice->scratch);
	path = text_new("%s/" CONFIG, choice->scratch);
	choice->status_option = text_new("Dir::State::status=%s", status);
	choice->environment = text_new("APT_CONFIG=%s", path);
	config = text_new(APT_CONFIG, choice->arch, choice->arch);
	if (!status || !path || !choice->environment || !choice->status_option || !config)
		return -ENOMEM;
	r = put(status, choice->status, strlen(choice->status));
	if (r == 0)
		r = put(path, config, strlen(config));
	return r < 0 ? fail(choice, r, choice->scratch) : 0;
}

/* The packages in the folder @path. Returns -ENODATA if there are none. */
static int list(struct choice *choice, const char *path)
{
	cleanup(close_folder) DIR *folder = opendir(path);
	autofree char *whole = NULL;
	struct dirent *entry;

	if (!folder)
		return fail(choice, -errno, path);
	whole = realpath(path, NULL);
	if (!whole)
		return fail(choice, -errno, path);
	while ((entry = readdir(folder))) {
		const char *suffix = strrchr(entry->d_name, '.');

		if (!suffix || strcmp(suffix, ".deb") != 0 || entry->d_name[0] == '.')
			continue;
		if (choice->n_offered == OFFERED_MAX)
			return fail(choice, -ERR_TOO_LARGE, path);
		choice->offered[choice->n_offered] = text_new("%s/%s", whole, entry->d_name);
		if (!choice->offered[choice->n_offered++])
			return -ENOMEM;
	}
	return choice->n_offered > 0 ? 0 : -ENODATA;
}

/* apt-get names what is missing in a line of its own: " NAME : Depends: LIBRARY but it is not
 * installable". */
static char *find_reason(const char *output)
{
	const char *reason = strstr(output, " : ");
	const char *start = reason;

	while (start && start > output && start[-1] != '\n')
		start--;
	if (!start)
		start = strstr(output, "E: ") ?: "apt-get does not say why";
	start += strspn(start, " ");
	return strndup(start, strcspn(start, "\n"));
}

/* What apt would install for these packages: "'file:/PATH' NAME SIZE", a line for each. Returns
 * -ERR_TOOL if it cannot, and choice->why. */
static int ask_apt(struct choice *choice, const char *one, const char *other, char **ret_output)
{
	const char *argv[2 * OFFERED_MAX + 10] = {
		"apt-get", "-o", choice->status_option, "--yes", "--print-uris"};
	const char *const environment[] = {choice->environment, NULL};
	int status, r;
	size_t n = 5;

	for (size_t i = 0; i < choice->n_offered; i++) {
		argv[n++] = "--with-source";
		argv[n++] = choice->offered[i];
	}
	argv[n++] = "install";
	argv[n++] = one;
	argv[n++] = other;
	r = child_capture(argv, environment, &status, ret_output);
	if (r < 0)
		return fail(choice, r, "apt-get, which checks packages (package apt)");
	if (status == 0)
		return 0;
	free(choice->why);
	choice->why = find_reason(*ret_output);
	free(*ret_output);
	*ret_output = NULL;
	return choice->why ? -ERR_TOOL : -ENOMEM;
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

static int take(struct choice *choice, struct stickpackages *packages, const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	autofree void *data = NULL;
	size_t size;
	int r = file_read_whole(path, PACKAGE_MAX, &data, &size);

	if (r == 0 && packages->n == STICKPACKAGES_MAX)
		r = -ERR_TOO_LARGE;
	if (r == 0)
		r = tempfile_with(data, size, &packages->fds[packages->n]);
	if (r < 0)
		return fail(choice, r, path);
	packages->names[packages->n] = strdup(name);
	if (!packages->names[packages->n++])
		return -ENOMEM;
	packages->size += size;
	return 0;
}

/* Take the files that apt named. */
static int take_all(struct choice *choice, char *output, struct stickpackages *packages)
{
	static const char begin[] = "'file:";
	char *line, *next = output;
	int r = 0;

	while (r == 0 && (line = strsep(&next, "\n"))) {
		char *end = strstr(line, "' ");

		if (strncmp(line, begin, strlen(begin)) != 0 || !end)
			continue;
		*end = '\0';
		decode(line);
		r = take(choice, packages, line + strlen(begin));
	}
	if (r < 0 || packages->n > 0)
		return r;
	return fail(choice, -ERR_TOOL, "apt-get names no file");
}

/* With the kernel's metapackage, if the image has what it depends on. */
static int take_installable(struct choice *choice, struct stickpackages *packages)
{
	autofree char *output = NULL;
	int r = ask_apt(choice, COMMON, choice->meta, &output);

	if (r == -ERR_TOOL)
		r = ask_apt(choice, COMMON, NULL, &output);
	if (r == 0)
		r = take_all(choice, output, packages);
	if (r < 0)
		return r;
	if (!dpkgstatus_has(choice->status, INIT))
		log_warning("%s: its system does not use systemd: at its first boot, install the "
			    "packages with `sudo sh /run/liveng/first/first-boot`",
			choice->image_name);
	if (!dpkgstatus_has(choice->status, choice->kernel))
		log_warning("%s: lacks %s, which brings newer kernels: install it on the stick",
			choice->image_name, choice->kernel);
	return 0;
}

/* From the archive of this machine's apt, into our folder. It may have no metapackage. */
static int download(struct choice *choice, struct stickpackages *packages)
{
	autofree char *common = text_new(COMMON ":%s", choice->arch);
	autofree char *meta = text_new("%s:%s", choice->meta, choice->arch);
	int status = 1, r = common && meta ? 0 : -ENOMEM;

	for (unsigned int with_meta = 2; r == 0 && status != 0 && with_meta-- > 0;) {
		const char *const argv[] = {"env", "-C", choice->scratch, "apt-get", "-qq", "-o",
			"APT::Sandbox::User=", "-o", "Acquire::Retries=1", "-o",
			"Acquire::http::Timeout=20", "download", common, with_meta ? meta : NULL,
			NULL};
		autofree char *output = NULL;

		log_step("asking apt for %s", common);
		r = child_capture(argv, NULL, &status, &output);
	}
	if (r == -ENOMEM)
		return r;
	if (r == 0 && status == 0)
		r = list(choice, choice->scratch);
	else
		r = -ENODATA;
	return r < 0 ? r : take_installable(choice, packages);
}

static int choose_from(struct choice *choice, const char *folder, struct stickpackages *packages)
{
	autofree char *own = datadir_path(FOLDER);
	int r;

	if (!own)
		return -ENOMEM;
	r = list(choice, folder ? folder : own);
	if ((r == -ENOENT || r == -ENODATA) && !folder)
		return download(choice, packages);
	return r < 0 ? r : take_installable(choice, packages);
}

/* The stick would work, but for its updates: nothing that was not asked for fails because of it. */
static int tell_failure(const struct choice *choice, const char *folder, int error)
{
	if (error == -ENOMEM)
		return error;
	if (error == -ENODATA && folder)
		return refuse(-ERR_REFUSED, "%s: there are no packages (.deb) in it", folder);
	if (error == -ENODATA) {
		log_warning("%s: does not have what updates kernels, so the stick will keep its "
			    "kernel: install liveng-stick-packages%s%s here, or %s on the stick",
			choice->image_name, choice->arch[0] ? ":" : "", choice->arch, choice->meta);
		return 0;
	}
	if (folder)
		return refuse(-ERR_REFUSED, "%s: cannot install " COMMON " from %s: %s",
			choice->image_name, folder, choice->why);
	log_warning("%s: cannot have " COMMON " installed, so the stick will keep its kernel: %s",
		choice->image_name, choice->why);
	return 0;
}

int stickpackages_choose(const struct source *system, const char *image_name, const char *folder,
	const char *release, struct stickpackages *ret_packages)
{
	cleanup(choice_clear) struct choice choice = {.image_name = image_name};
	cleanup(stickpackages_clear) struct stickpackages packages = {.n = 0};
	autofree char *status = NULL;
	size_t size;
	int r;

	r = source_read(system, DPKGSTATUS_PATH, (void **)&status, &size);
	if (r < 0)
		r = fail(&choice, r, DPKGSTATUS_PATH);
	if (r == 0 && dpkgstatus_has(status, COMMON))
		return 0;
	if (r == 0) {
		choice.status = status;
		dpkgstatus_arch(status, choice.arch);
		choice.kernel = text_new("linux-image-%s", flavour(release));
		choice.meta = text_new(META "%s", flavour(release));
		r = choice.kernel && choice.meta ? configure(&choice) : -ENOMEM;
	}
	if (r == 0)
		r = choose_from(&choice, folder, &packages);
	if (r < 0)
		return tell_failure(&choice, folder, r);
	*ret_packages = packages;
	packages = (struct stickpackages){0};
	return 0;
}
