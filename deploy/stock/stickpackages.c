/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "stickpackages.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>

#include "base/child.h"
#include "base/file.h"
#include "base/log.h"
#include "base/tempfile.h"
#include "base/text.h"
#include "base/util.h"
#include "boot/datadir.h"

#define COMMON	    "linux-image-liveng-common"
#define META	    "linux-image-liveng-" /* and the flavour of the kernel */
#define INIT	    "systemd-sysv"	  /* which has /sbin/init */
#define STATUS	    "var/lib/dpkg/status"
#define STATUS_COPY "status"
#define CONFIG	    "apt.conf"
#define FOLDER	    "packages"	/* in the data of the program */
#define PACKAGE_MAX (64u * MIB) /* bytes of one file */
#define OFFERED_MAX 512u	/* files in the folder */
#define ARCH_MAX    32u

/* apt with the image's system in place of this machine's: nothing is looked up, nothing is locked.
 */
#define APT_CONFIG                             \
	"Dir \"/nonexistent\";\n"              \
	"Dir::State::status \"%s\";\n"         \
	"Dir::Bin::dpkg \"/usr/bin/dpkg\";\n"  \
	"APT::Architecture \"%s\";\n"          \
	"APT::Architectures { \"%s\"; };\n"    \
	"APT::Install-Recommends \"false\";\n" \
	"APT::Sandbox::User \"\";\n"

struct choice {
	const char *image_name;
	const char *status; /* what dpkg has recorded in the image's system */
	char *kernel;	    /* the metapackage of Debian's for the kernel, "linux-image-amd64" */
	char *meta;	    /* and ours */
	char arch[ARCH_MAX];
	char *scratch;		    /* a folder of ours, since apt wants files with names */
	char *environment;	    /* "APT_CONFIG=…", a file in it */
	char *offered[OFFERED_MAX]; /* paths of package files */
	size_t n_offered;
	bool are_ours; /* those are in our folder */
	char *why;     /* they cannot be installed: what apt says */
};

static void remove_from(const char *folder, const char *name)
{
	autofree char *path = text_new("%s/%s", folder, name);

	if (path)
		(void)unlink(path);
}

static void choice_clear(struct choice *choice)
{
	for (size_t i = 0; i < choice->n_offered; i++) {
		if (choice->are_ours)
			(void)unlink(choice->offered[i]);
		free(choice->offered[i]);
	}
	if (choice->scratch) {
		remove_from(choice->scratch, STATUS_COPY);
		remove_from(choice->scratch, CONFIG);
		(void)rmdir(choice->scratch);
	}
	free(choice->scratch);
	free(choice->kernel);
	free(choice->meta);
	free(choice->environment);
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

/* The paragraph of an installed package in dpkg's record; NULL: it is not installed. */
static const char *find_installed(const char *status, const char *name)
{
	autofree char *first = text_new("Package: %s\n", name);
	const char *found = status;

	while (first && (found = strstr(found, first))) {
		const char *end = strstr(found, "\n\n") ?: found + strlen(found);
		const char *is = strstr(found, "\nStatus: ");

		if ((found == status || found[-1] == '\n') && is && is < end &&
			strncmp(is + 9, "install ok installed\n", 21) == 0)
			return found;
		found += strlen(first);
	}
	return NULL;
}

/* That of dpkg itself is the system's. */
static void find_arch(const char *status, char ret_arch[ARCH_MAX])
{
	const char *dpkg = find_installed(status, "dpkg");
	const char *end = dpkg ? strstr(dpkg, "\n\n") : NULL;
	const char *arch = dpkg ? strstr(dpkg, "\nArchitecture: ") : NULL;

	ret_arch[0] = '\0';
	if (!arch || (end && arch > end))
		return;
	arch += strlen("\nArchitecture: ");
	for (size_t i = 0; i < ARCH_MAX - 1 && (isalnum((unsigned char)arch[i]) || arch[i] == '-');
		i++) {
		ret_arch[i] = arch[i];
		ret_arch[i + 1] = '\0';
	}
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

static int put(const char *path, const char *text, size_t size)
{
	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : file_write(fd, text, size, 0);
}

/* What apt is told about the image's system. */
static int configure(struct choice *choice, size_t size)
{
	autofree char *folder = text_new("%s/livengXXXXXX", getenv("TMPDIR") ?: "/tmp");
	autofree char *copy = NULL, *path = NULL, *config = NULL;
	int r;

	if (!folder)
		return -ENOMEM;
	if (!mkdtemp(folder))
		return report(-errno, "cannot make the folder %s", folder);
	choice->scratch = steal_pointer(folder);
	copy = text_new("%s/" STATUS_COPY, choice->scratch);
	path = text_new("%s/" CONFIG, choice->scratch);
	choice->environment = text_new("APT_CONFIG=%s", path);
	config = text_new(APT_CONFIG, copy, choice->arch, choice->arch);
	if (!copy || !path || !choice->environment || !config)
		return -ENOMEM;
	r = put(copy, choice->status, size);
	if (r == 0)
		r = put(path, config, strlen(config));
	return r < 0 ? report(r, "cannot write into the folder %s", choice->scratch) : 0;
}

/* The packages in the folder @path. Returns -ENODATA if there are none. */
static int list(struct choice *choice, const char *path)
{
	cleanup(close_folder) DIR *folder = opendir(path);
	autofree char *whole = realpath(path, NULL);
	struct dirent *entry;

	if (!folder || !whole)
		return -errno;
	while ((entry = readdir(folder))) {
		const char *suffix = strrchr(entry->d_name, '.');

		if (!suffix || strcmp(suffix, ".deb") != 0 || entry->d_name[0] == '.')
			continue;
		if (choice->n_offered == OFFERED_MAX)
			return -ERR_TOO_LARGE;
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
		start = strstr(output, "E: ") ?: "it does not say why";
	start += strspn(start, " ");
	return strndup(start, strcspn(start, "\n"));
}

/* What apt would install for these packages: "'file:/PATH' NAME SIZE", a line for each. Returns
 * -ERR_TOOL if it cannot, and choice->why. */
static int ask_apt(struct choice *choice, const char *one, const char *other, char **ret_output)
{
	const char *argv[2 * OFFERED_MAX + 10] = {"apt-get", "--yes", "--print-uris"};
	const char *const environment[] = {choice->environment, NULL};
	int status, r;
	size_t n = 3;

	for (size_t i = 0; i < choice->n_offered; i++) {
		argv[n++] = "--with-source";
		argv[n++] = choice->offered[i];
	}
	argv[n++] = "install";
	argv[n++] = one;
	argv[n++] = other;
	r = child_capture(argv, environment, &status, ret_output);
	if ((r < 0 && r != -ENOENT) || (r == 0 && status == 0))
		return r;
	free(choice->why);
	choice->why = r == 0 ? find_reason(*ret_output) : strdup("apt-get is not installed here");
	free(*ret_output);
	*ret_output = NULL;
	return choice->why ? -ERR_TOOL : -ENOMEM;
}

static int take(struct stickpackages *packages, const char *path)
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
		return report(r, "%s: cannot read it", path);
	packages->names[packages->n] = strdup(name);
	if (!packages->names[packages->n++])
		return -ENOMEM;
	packages->size += size;
	return 0;
}

/* Take the files that apt named. */
static int take_all(const struct choice *choice, const char *output, struct stickpackages *packages)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < choice->n_offered; i++) {
		autofree char *uri = text_new("'file:%s'", choice->offered[i]);

		if (!uri)
			return -ENOMEM;
		if (strstr(output, uri))
			r = take(packages, choice->offered[i]);
	}
	return r;
}

/* With the kernel's metapackage, if the image has what it depends on. */
static int take_installable(struct choice *choice, struct stickpackages *packages)
{
	autofree char *output = NULL;
	int r = ask_apt(choice, COMMON, choice->meta, &output);

	if (r == -ERR_TOOL)
		r = ask_apt(choice, COMMON, NULL, &output);
	if (r < 0)
		return r;
	if (!find_installed(choice->status, INIT))
		log_warning("%s: its system is not started by systemd: have its first boot install "
			    "the packages by `sudo sh /run/liveng/first/first-boot`",
			choice->image_name);
	if (!find_installed(choice->status, choice->kernel))
		log_warning("%s: lacks %s, which brings newer kernels: install it on the stick",
			choice->image_name, choice->kernel);
	return take_all(choice, output, packages);
}

/* From the archive of this machine's apt, into our folder. */
static int download(struct choice *choice, struct stickpackages *packages)
{
	autofree char *common = text_new(COMMON ":%s", choice->arch);
	autofree char *meta = text_new("%s:%s", choice->meta, choice->arch);
	const char *const argv[] = {"env", "-C", choice->scratch, "apt-get", "-qq", "-o",
		"APT::Sandbox::User=", "-o", "Acquire::Retries=1", "-o",
		"Acquire::http::Timeout=20", "download", common, meta, NULL};
	autofree char *output = NULL;
	int status, r;

	if (!common || !meta)
		return -ENOMEM;
	log_step("asking apt for %s", common);
	r = child_capture(argv, NULL, &status, &output);
	choice->are_ours = true;
	if (r == 0)
		r = status == 0 ? list(choice, choice->scratch) : -ENODATA;
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
	if (folder && error == -ERR_TOOL)
		return refuse(-ERR_REFUSED, "%s: cannot install " COMMON " from %s: %s",
			choice->image_name, folder, choice->why);
	if (folder && error == -ENODATA)
		return refuse(-ERR_REFUSED, "%s: there are no packages (.deb) in it", folder);
	if (folder)
		return report(error, "%s: cannot read it", folder);
	if (error == -ERR_TOOL)
		log_warning("%s: its system cannot install " COMMON
			    ", so the stick keeps its kernel: %s",
			choice->image_name, choice->why);
	else if (error == -ENODATA || error == -ENOENT)
		log_warning("%s: was not made for kernel updates, so the stick keeps its kernel: "
			    "install liveng-stick-packages here, or on the stick %s",
			choice->image_name, choice->meta);
	else
		return error;
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

	r = source_read(system, STATUS, (void **)&status, &size);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		log_warning("%s: cannot read " STATUS
			    " of its system, so the stick keeps its kernel: %s",
			image_name, error_text(r));
		return 0;
	}
	if (find_installed(status, COMMON))
		return 0;
	choice.status = status;
	find_arch(status, choice.arch);
	choice.kernel = text_new("linux-image-%s", flavour(release));
	choice.meta = text_new(META "%s", flavour(release));
	r = choice.kernel && choice.meta ? configure(&choice, size) : -ENOMEM;
	if (r == 0)
		r = choose_from(&choice, folder, &packages);
	if (r < 0)
		return tell_failure(&choice, folder, r);
	*ret_packages = packages;
	packages = (struct stickpackages){0};
	return 0;
}
