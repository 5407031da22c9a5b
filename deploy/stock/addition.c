/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "addition.h"

#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/size.h"
#include "base/text.h"
#include "base/util.h"
#include "boot/datadir.h"
#include "cryptmodules.h"
#include "initrd/initrd.h"
#include "machine/dpkgstatus.h"
#include "parts.h"
#include "source.h"
#include "tools.h"

#define HOOK	  "9999-liveng.sh"
#define LIVE_BOOT "lib/live/boot"
#define KEYMAP	  "etc/boottime.kmap.gz"

/* The indexes that libkmod and busybox read: of all modules of the release, so that those which the
 * initrd lacks are known, and not found, as before. */
static const char *const indexes[] = {"modules.dep", "modules.dep.bin", "modules.alias",
	"modules.alias.bin", "modules.softdep", "modules.symbols", "modules.symbols.bin",
	"modules.builtin", "modules.builtin.bin", "modules.builtin.alias.bin", "modules.devname"};

/* What live-boot sources, and what that puts into /run for the system. */
#define FIRST "lib/liveng/first"
static const struct {
	const char *name; /* in the data of the program */
	const char *place;
	mode_t permissions;
} firsts[] = {
	{"first/9998-liveng-first.sh", LIVE_BOOT "/9998-liveng-first.sh", 0755},
	{"first/first-boot", FIRST "/first-boot", 0755},
	{"first/liveng-first.service", FIRST "/liveng-first.service", 0644},
};

struct addition {
	const struct addition_request *request;
	const struct observer *observer;
	const struct image *image;
	const char *name; /* of the initrd */
	struct initrd *initrd;
	struct parts *parts;
	struct source *source;	/* the image's system; NULL: it cannot be read */
	bool has_foreign_tools; /* of this machine */
	char why[SOURCE_WHY];
};

static void addition_clear(struct addition *addition)
{
	source_free(addition->source);
	parts_free(addition->parts);
	initrd_free(addition->initrd);
}

/* Add a file that comes with the program. */
static int add_own(
	struct addition *addition, const char *name, const char *place, mode_t permissions)
{
	void *data;
	size_t size;
	int r = datadir_read(name, &data, &size);

	return r < 0 ? r : parts_take(addition->parts, place, permissions, data, size);
}

static int add_first(struct addition *addition)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(firsts); i++)
		r = add_own(addition, firsts[i].name, firsts[i].place, firsts[i].permissions);
	return r;
}

/* The initrd of an image made for liveng has the hook: its packages are installed. */
static bool is_stock(const struct addition *addition)
{
	return !initrd_has(addition->initrd, LIVE_BOOT "/" HOOK);
}

static bool lacks_tools(const struct addition *addition)
{
	return !initrd_has(addition->initrd, "sbin/cryptsetup") ||
	       !initrd_has(addition->initrd, "lib/cryptsetup/askpass");
}

static int add_tools(struct addition *addition)
{
	cleanup(source_freep) struct source *host = NULL;
	int r;

	r = tools_are_in(addition->source, addition->name);
	if (r > 0)
		return tools_add(
			addition->source, addition->source, addition->name, addition->parts);
	if (r == 0)
		r = source_open_host(&host);
	if (r == 0)
		r = tools_are_in(host, addition->name);
	if (r < 0)
		return r;
	if (r == 0)
		return refuse(-ERR_REFUSED,
			"%s: does not have cryptsetup, which opens an encrypted persistence, and "
			"this computer does not have it either: install cryptsetup-bin here",
			addition->name);
	addition->has_foreign_tools = true;
	return tools_add(host, addition->source, addition->name, addition->parts);
}

/* Where the release has a file of its modules. NULL: no memory. */
static char *module_path(const struct addition *addition, const char *file)
{
	return text_new("lib/modules/%s/%s", addition->request->release, file);
}

/* Read one of the indexes; "" if there is none. */
static int read_text(const struct addition *addition, const char *file, char **ret_text)
{
	autofree char *path = module_path(addition, file);
	size_t size;
	int r = path ? source_read(addition->source, path, (void **)ret_text, &size) : -ENOMEM;

	if (r != -ENOENT)
		return r == 0 || r == -ENOMEM
			       ? r
			       : source_refuse(addition->source, addition->name, path, r);
	*ret_text = strdup("");
	return *ret_text ? 0 : -ENOMEM;
}

/* Add a file of the modules; one that is missing is an error only if it @must be there. */
static int add_module_file(struct addition *addition, const char *file, bool must)
{
	autofree char *path = module_path(addition, file);
	void *data;
	size_t size;
	int r;

	if (!path)
		return -ENOMEM;
	r = source_read(addition->source, path, &data, &size);
	if (r == -ENOENT && !must)
		return 0;
	if (r < 0)
		return source_refuse(addition->source, addition->name, path, r);
	return parts_take(addition->parts, path, 0644, data, size);
}

static bool initrd_has_it(void *data, const char *module)
{
	return initrd_has_module(data, module);
}

struct place_check {
	const char *dep;
	const char *start;
};

/* The new index must be right for the modules that are there. */
static int check_place(void *data, const char *path)
{
	const struct place_check *check = data;
	const char *file = path + strlen(check->start);

	if (!strstr(file, ".ko"))
		return 0;
	return cryptmodules_has_path(check->dep, file) ? 0 : -ERR_FOREIGN;
}

static int check_places(const struct addition *addition, const char *dep)
{
	autofree char *start = text_new("lib/modules/%s/", addition->request->release);
	struct place_check check = {.dep = dep, .start = start};
	int r;

	if (!start)
		return -ENOMEM;
	r = initrd_walk(addition->initrd, start, check_place, &check);
	if (r == -ERR_FOREIGN)
		return refuse(-ERR_REFUSED,
			"%s: has modules that the image's system does not know: give an initrd "
			"with cryptsetup by --initrd",
			addition->name);
	return r;
}

static int add_chosen(struct addition *addition, const char *dep, char *const paths[])
{
	int r = paths[0] ? check_places(addition, dep) : 0;

	for (size_t i = 0; r == 0 && paths[i]; i++) {
		log_debug("module %s", paths[i]);
		r = add_module_file(addition, paths[i], true);
	}
	for (size_t i = 0; r == 0 && paths[0] && i < ARRAY_SIZE(indexes); i++)
		r = add_module_file(addition, indexes[i], false);
	return r;
}

static int add_modules(struct addition *addition)
{
	autofree char *dep = NULL, *alias = NULL, *softdep = NULL, *builtin = NULL;
	autofree char **paths = NULL;
	int r;

	r = read_text(addition, "modules.dep", &dep);
	if (r == 0)
		r = read_text(addition, "modules.alias", &alias);
	if (r == 0)
		r = read_text(addition, "modules.softdep", &softdep);
	if (r == 0)
		r = read_text(addition, "modules.builtin", &builtin);
	if (r == 0) {
		const struct cryptmodules_index index = {dep, alias, softdep, builtin};

		r = cryptmodules_choose(&index, initrd_has_it, addition->initrd, &paths);
	}
	if (r == -ENOENT)
		return refuse(-ERR_REFUSED,
			"%s: the image's system does not have the module dm-crypt of %s, which "
			"opens an encrypted persistence",
			addition->name, addition->request->release);
	return r < 0 ? r : add_chosen(addition, dep, paths);
}

/* Linux, Documentation/admin-guide/bootconfig.rst: it must stay the last thing in the file. */
static int check_end(const struct addition *addition, int fd)
{
	static const char magic[] = "#BOOTCONFIG\n";
	char end[sizeof(magic) - 1 + 3]; /* up to 3 bytes of padding */
	off_t size = lseek(fd, 0, SEEK_END);
	int r;

	if (size < (off_t)sizeof(end))
		return size < 0 ? -errno : 0;
	r = file_read(fd, end, sizeof(end), (uint64_t)size - sizeof(end));
	if (r == 0 && memmem(end, sizeof(end), magic, strlen(magic)))
		return refuse(-ERR_REFUSED,
			"%s: has a boot configuration at its end, after which nothing can be "
			"added: remove it (bootconfig -d), or give an initrd by --initrd",
			addition->name);
	return r;
}

static int append(struct addition *addition, int fd)
{
	cleanup(segment_freep) struct segment *segment = NULL;
	char size[SIZE_TEXT];
	int r = check_end(addition, fd);

	if (r == -ERR_REFUSED)
		return r;
	if (r == 0)
		r = segment_new(&segment);
	if (r == 0)
		r = parts_write(addition->parts, segment);
	if (r == 0) {
		log_step("adding %zu files, %s, to the initrd", parts_count(addition->parts),
			size_text(segment_size(segment), size));
		r = segment_append(segment, initrd_packing(addition->initrd), fd);
	}
	return r < 0 ? report(r, "%s: cannot add to it", addition->name) : 1;
}

/* An initrd that has the programs has what they need, too, or candidate_check() says so. */
static int add_crypt(struct addition *addition)
{
	int r;

	if (!addition->request->opens || !lacks_tools(addition))
		return 0;
	if (!addition->source)
		return refuse(-ERR_REFUSED, "%s: %s", image_path(addition->image), addition->why);
	r = add_tools(addition);
	return r < 0 ? r : add_modules(addition);
}

/* live-boot loads it before it asks for a passphrase (9990-misc-helpers: load_keymap). */
static int add_keymap(struct addition *addition, bool *ret_has_keymap)
{
	const char *keymap = addition->request->keymap;
	void *packed;
	size_t size;
	int r = addition->source ? 0 : -ENOENT;

	if (!addition->request->opens || !keymap)
		return 0;
	if (r == 0)
		r = tools_add_loadkeys(addition->source, addition->parts);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		log_warning("%s: cannot take loadkeys (package kbd) from its system: at boot the "
			    "passphrase has to be typed as on a US keyboard",
			image_path(addition->image));
		return 0;
	}
	r = segment_gzip(keymap, strlen(keymap), &packed, &size);
	if (r == 0)
		r = parts_take(addition->parts, KEYMAP, 0644, packed, size);
	*ret_has_keymap = r == 0;
	return r;
}

/* The first boot also keeps the tools of this machine for later initrds, and writes the newer
 * kernel that a kept persistence may have. */
static int add_updates(struct addition *addition, struct stickpackages *packages)
{
	const struct addition_request *request = addition->request;
	const bool stock = is_stock(addition);
	int r = 0;

	if (stock)
		r = add_own(addition, HOOK, LIVE_BOOT "/" HOOK, 0755);
	if (r < 0 || !request->persists)
		return r;
	if (!stock)
		stickpackages_tell_unused(image_path(addition->image), request->folder);
	if (stock && addition->source)
		r = stickpackages_choose(addition->source, image_path(addition->image),
			request->folder, request->release, addition->observer, packages);
	else if (stock && request->folder)
		return refuse(-ERR_REFUSED, "%s: %s", image_path(addition->image), addition->why);
	else if (stock)
		log_warning("%s: %s: the stick will keep its kernel", image_path(addition->image),
			addition->why);
	if (r == 0 && (packages->n > 0 || addition->has_foreign_tools || request->is_kept))
		r = add_first(addition);
	return r;
}

static bool needs_system(const struct addition *addition)
{
	const struct addition_request *request = addition->request;

	return (request->persists && is_stock(addition)) ||
	       (request->opens && (request->keymap || lacks_tools(addition)));
}

/* Whether it is there, only dpkg's record says. A name that the image has, it leaves alone. */
static int check_live_config(const struct addition *addition)
{
	const struct addition_request *request = addition->request;
	autofree char *status = NULL;
	size_t size;
	int r;

	if (!addition->source || !request->has_settings)
		return 0;
	if (request->has_hostname && source_has(addition->source, "etc/hostname") > 0)
		log_warning("%s: has a name in /etc/hostname, which stays: --hostname does nothing",
			image_path(addition->image));
	r = source_read(addition->source, DPKGSTATUS_PATH, (void **)&status, &size);
	if (r == 0 && !dpkgstatus_has(status, "live-config"))
		log_warning(
			"%s: has no live-config, which sets up what options say: its first boot "
			"will not",
			image_path(addition->image));
	return r == -ENOMEM ? r : 0;
}

static int make(struct addition *addition, int fd, struct addition_result *result)
{
	int r = 0;

	if (needs_system(addition))
		r = source_open_image(addition->image, &addition->source, addition->why);
	if (r < 0 && r != -ERR_REFUSED)
		return refuse(r, "%s: %s", image_path(addition->image), addition->why);
	r = check_live_config(addition);
	if (r == 0)
		r = parts_new(addition->initrd, &addition->parts);
	if (r == 0)
		r = add_crypt(addition);
	if (r == 0)
		r = add_keymap(addition, &result->has_keymap);
	if (r == 0)
		r = add_updates(addition, &result->packages);
	if (r < 0 || parts_count(addition->parts) == 0)
		return r;
	return append(addition, fd);
}

void addition_result_clear(struct addition_result *result)
{
	stickpackages_clear(&result->packages);
}

int addition_append(const struct image *image, int fd, const char *name,
	const struct addition_request *request, const struct observer *observer,
	struct addition_result *ret_result)
{
	cleanup(addition_clear) struct addition addition = {
		.request = request, .observer = observer, .image = image, .name = name};
	cleanup(addition_result_clear) struct addition_result result = {.has_keymap = false};
	int r;

	r = initrd_read(fd, name, observer ? observer->interrupted : NULL,
		observer ? observer->data : NULL, &addition.initrd);
	if (r == 0 && initrd_has(addition.initrd, "scripts/live") &&
		initrd_has(addition.initrd, LIVE_BOOT))
		r = make(&addition, fd, &result);
	else if (r == 0 && initrd_has(addition.initrd, "lib/dracut"))
		return refuse(-ERR_REFUSED,
			"%s: was made by dracut: take an image whose initrd initramfs-tools made, "
			"since kernel updates need it",
			name);
	if (r < 0)
		return r;
	*ret_result = result;
	result = (struct addition_result){.has_keymap = false};
	return r;
}
