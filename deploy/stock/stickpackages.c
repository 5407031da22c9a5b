/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "stickpackages.h"

#include <string.h>

#include "apt.h"
#include "base/file.h"
#include "base/log.h"
#include "base/tempfile.h"
#include "base/text.h"
#include "base/util.h"
#include "boot/datadir.h"
#include "machine/dpkgstatus.h"

#define COMMON	    "linux-image-liveng-common"
#define PROGRAM	    "livengkupd"	  /* which that needs */
#define META	    "linux-image-liveng-" /* and the flavour of the kernel */
#define INIT	    "systemd-sysv"	  /* which has /sbin/init */
#define FOLDER	    "packages"		  /* in the data of the program */
#define PACKAGE_MAX (64u * MIB)		  /* bytes of one file */

struct choice {
	const char *image_name;
	char *status; /* what dpkg has recorded in the image's system */
	char arch[DPKGSTATUS_ARCH];
	char *kernel; /* Debian's metapackage for the kernel, "linux-image-amd64" */
	char *meta;   /* and ours */
	struct apt *apt;
	char *why; /* it fails before apt is asked */
};

static void choice_clear(struct choice *choice)
{
	apt_free(choice->apt);
	free(choice->status);
	free(choice->kernel);
	free(choice->meta);
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
static int fail_text(struct choice *choice, int error, const char *why)
{
	choice->why = strdup(why);
	return choice->why ? error : -ENOMEM;
}

static int fail(struct choice *choice, int error, const char *what)
{
	autofree char *why = text_new("%s: %s", what, error_text(error));

	return why ? fail_text(choice, error, why) : -ENOMEM;
}

static int take(struct choice *choice, struct stickpackages *packages, const char *path)
{
	autofree void *data = NULL;
	size_t size;
	int r = file_read_whole(path, PACKAGE_MAX, &data, &size);

	if (r == 0 && packages->n == STICKPACKAGES_MAX)
		r = -ERR_TOO_LARGE;
	if (r == 0)
		r = tempfile_with(data, size, &packages->fds[packages->n]);
	if (r < 0)
		return fail(choice, r, path);
	packages->names[packages->n] = strdup(strrchr(path, '/') + 1);
	if (!packages->names[packages->n++])
		return -ENOMEM;
	packages->size += size;
	return 0;
}

/* Without the metapackage, for a reason that apt has given. */
static int take_common(struct choice *choice, char ***ret_paths)
{
	autofree char *why = strdup(apt_why(choice->apt));
	int r = why ? apt_choose(choice->apt, (const char *const[]){COMMON, NULL}, ret_paths)
		    : -ENOMEM;

	if (r == 0 && dpkgstatus_has(choice->status, choice->kernel))
		log_warning(
			"%s: cannot have %s installed: %s", choice->image_name, choice->meta, why);
	return r;
}

/* With the kernel's metapackage, if the image has what it depends on. */
static int take_installable(struct choice *choice, struct stickpackages *packages)
{
	cleanup(apt_paths_freep) char **paths = NULL;
	int r = apt_choose(choice->apt, (const char *const[]){COMMON, choice->meta, NULL}, &paths);

	if (r == -ERR_TOOL)
		r = take_common(choice, &paths);
	for (size_t i = 0; r == 0 && paths[i]; i++)
		r = take(choice, packages, paths[i]);
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

/* From where this machine's apt gets packages, which may be without the metapackage. */
static int offer_download(struct choice *choice)
{
	autofree char *program = text_new(PROGRAM ":%s", choice->arch);
	autofree char *common = text_new(COMMON ":%s", choice->arch);
	autofree char *meta = text_new("%s:%s", choice->meta, choice->arch);
	int r;

	if (!program || !common || !meta)
		return -ENOMEM;
	r = apt_offer_download(choice->apt, (const char *const[]){program, common, meta, NULL});
	if (r == -ENODATA)
		r = apt_offer_download(choice->apt, (const char *const[]){program, common, NULL});
	return r;
}

static int choose_from(struct choice *choice, const char *folder, struct stickpackages *packages)
{
	autofree char *own = datadir_path(FOLDER);
	int r = own ? apt_offer(choice->apt, folder ? folder : own) : -ENOMEM;

	if ((r == -ENOENT || r == -ENODATA) && !folder)
		r = offer_download(choice);
	return r < 0 ? r : take_installable(choice, packages);
}

/* The stick would work, but for its updates: nothing that was not asked for fails because of it. */
static int tell_failure(const struct choice *choice, const char *folder, int error)
{
	const char *why = choice->why || !choice->apt ? choice->why : apt_why(choice->apt);

	if (error == -ENOMEM || error == -EINTR)
		return error;
	if (error == -ENODATA && folder)
		return refuse(-ERR_REFUSED, "%s: there are no packages (.deb) in it", folder);
	if (folder && error != -ERR_TOOL && error != -ERR_FOREIGN)
		return refuse(error, "--packages: %s", why);
	if (folder)
		return refuse(-ERR_REFUSED, "%s: cannot install " COMMON " from %s: %s",
			choice->image_name, folder, why);
	if (error == -ENODATA)
		log_warning("%s: does not have what updates kernels, so the stick will keep its "
			    "kernel: install liveng-stick-packages%s%s here, or %s on the stick",
			choice->image_name, choice->arch[0] ? ":" : "", choice->arch, choice->meta);
	else
		log_warning("%s: cannot have " COMMON
			    " installed, so the stick will keep its kernel: %s",
			choice->image_name, why);
	return 0;
}

/* Returns 1 if the system has the packages. */
static int look_at_system(struct choice *choice, const struct source *system, const char *release,
	const struct observer *observer)
{
	size_t size;
	int r = source_read(system, DPKGSTATUS_PATH, (void **)&choice->status, &size);

	if (r < 0)
		return fail(choice, r, DPKGSTATUS_PATH);
	if (dpkgstatus_has(choice->status, COMMON))
		return 1;
	dpkgstatus_arch(choice->status, choice->arch);
	choice->kernel = text_new("linux-image-%s", flavour(release));
	choice->meta = text_new(META "%s", flavour(release));
	if (!choice->kernel || !choice->meta)
		return -ENOMEM;
	if (!choice->arch[0])
		return fail_text(
			choice, -ERR_FOREIGN, "what dpkg has recorded in it names no architecture");
	r = apt_new(&choice->apt, observer);
	return r < 0 ? r : apt_describe(choice->apt, choice->status, choice->arch);
}

void stickpackages_tell_unused(const char *image_name, const char *folder)
{
	if (folder)
		log_warning(
			"%s: has what updates kernels: nothing of %s is used", image_name, folder);
}

int stickpackages_choose(const struct source *system, const char *image_name, const char *folder,
	const char *release, const struct observer *observer, struct stickpackages *ret_packages)
{
	cleanup(choice_clear) struct choice choice = {.image_name = image_name};
	cleanup(stickpackages_clear) struct stickpackages packages = {.n = 0};
	int r;

	r = look_at_system(&choice, system, release, observer);
	if (r > 0) {
		stickpackages_tell_unused(image_name, folder);
		return 0;
	}
	if (r == 0)
		r = choose_from(&choice, folder, &packages);
	if (r < 0)
		return tell_failure(&choice, folder, r);
	*ret_packages = packages;
	packages = (struct stickpackages){0};
	return 0;
}
