/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "modules.h"

#include <libkmod.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/tempfile.h"
#include "base/util.h"

/* What a stick needs from the kernel's start until persistence is mounted, whatever it is plugged
 * into. */
static const struct needed {
	const char *module;
	const char *option; /* the kernel's, that makes it */
} needed[] = {
	{"usb-storage", "USB_STORAGE"}, {"uas", "USB_UAS"}, /* both kinds of USB storage */
	{"xhci-hcd", "USB_XHCI_HCD"},			    /* its other half is checked below */
	{"sd_mod", "BLK_DEV_SD"},			    /* disks on top of USB storage */
	{"isofs", "ISO9660_FS"},			    /* partitions 1 and 2 */
	{"loop", "BLK_DEV_LOOP"}, {"squashfs", "SQUASHFS"}, /* the system's image */
	{"overlay", "OVERLAY_FS"},			    /* the writable layer on top of it */
	{"ext4", "EXT4_FS"},				    /* persistence */
	{"vfat", "VFAT_FS"},				    /* partition 3 */
};

/* What a USB keyboard needs on top of that. */
static const char *const keyboard[] = {"usbhid", "hid-generic"};

#define MODULE_NAME	 256u	     /* with the final 0 */
#define DEPENDENCIES_MAX (64u * MIB) /* of text, from an index of at most MODINDEX_MAX */

struct check {
	const struct initrd *initrd;
	const char *name;
	const struct abilities *abilities;
	struct kmod_ctx *kmod;
	char *dependencies; /* of all modules: lines of `name path: path path` */
	bool failed;
	bool has_way_out; /* one that covers everything else missing was already given */
};

static void kmod_unrefp(struct kmod_ctx **kmod)
{
	kmod_unref(*kmod);
}

static void list_freep(struct kmod_list **list)
{
	kmod_module_unref_list(*list);
}

static void module_freep(struct kmod_module **module)
{
	kmod_module_unref(*module);
}

/* libkmod's own complaints would name our temporary folder. */
static void ignore_log(void *data, int priority, const char *file, int line, const char *function,
	const char *format, va_list arguments)
{
	(void)data;
	(void)priority;
	(void)file;
	(void)line;
	(void)function;
	(void)format;
	(void)arguments;
}

/*
 * Dump all dependencies as text, each line preceded by a newline. libkmod itself returns a module's
 * dependencies only if their files can be opened, and our folder contains only the index.
 */
static int dump_dependencies(struct kmod_ctx *kmod, char **ret_text)
{
	autoclose int fd = -1;
	void *text;
	size_t size;
	int r;

	r = tempfile_in_memory(0, &fd);
	if (r < 0)
		return r;
	if (dprintf(fd, "\n") < 0 || kmod_dump_index(kmod, KMOD_INDEX_MODULES_DEP, fd) < 0)
		return -ERR_TOOL;
	r = file_read_all(fd, DEPENDENCIES_MAX, &text, &size);
	if (r == 0)
		*ret_text = text;
	return r;
}

static bool is_builtin(const struct check *check, const char *name)
{
	cleanup(module_freep) struct kmod_module *module = NULL;

	/* libkmod consults the index before it asks the running kernel. */
	return kmod_module_new_from_name(check->kmod, name, &module) == 0 &&
	       kmod_module_get_initstate(module) == KMOD_MODULE_BUILTIN;
}

static bool is_present(const struct check *check, const char *name)
{
	return initrd_has_module(check->initrd, name) || is_builtin(check, name);
}

/* Is the module there along with everything it depends on? If not, @ret_lacks is the first one
 * missing. */
static bool is_complete(const struct check *check, const char *name, char ret_lacks[MODULE_NAME])
{
	char key[MODULE_NAME + 2];
	const char *p;

	if (is_builtin(check, name))
		return true;
	snprintf(ret_lacks, MODULE_NAME, "%s", name);
	if (!initrd_has_module(check->initrd, name))
		return false;

	snprintf(key, sizeof(key), "\n%s ", name);
	p = strstr(check->dependencies, key);
	if (p)
		p = strpbrk(p + 1, ":\n");
	while (p && *p != '\n' && *p != '\0') {
		size_t length;

		/* A path: the name is between its last slash and the suffix. */
		p += strspn(p, ": ");
		length = strcspn(p, " \n");
		for (const char *slash; (slash = memchr(p, '/', length)); p = slash + 1)
			length -= (size_t)(slash + 1 - p);
		snprintf(ret_lacks, MODULE_NAME, "%.*s", (int)MIN(length, strcspn(p, ". \n")), p);
		if (length > 0 && !is_present(check, ret_lacks))
			return false;
		p += length;
	}
	return true;
}

/* `-` and `_` are the same in a module's name. */
static bool is_same_module(const char *a, const char *b)
{
	for (; *a != '\0' && *b != '\0'; a++, b++)
		if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
			return false;
	return *a == *b;
}

enum found { FOUND, LACKS_DEPENDENCY, UNKNOWN };

/* Look up a module by its name or an alias; if several modules match an alias, one is enough. */
static enum found look_up(const struct check *check, const char *alias, char ret_lacks[MODULE_NAME])
{
	cleanup(list_freep) struct kmod_list *list = NULL;
	struct kmod_list *item;

	if (kmod_module_new_from_lookup(check->kmod, alias, &list) < 0 || !list)
		return UNKNOWN;
	kmod_list_foreach(item, list)
	{
		cleanup(module_freep) struct kmod_module *module = kmod_module_get_module(item);

		if (is_complete(check, kmod_module_get_name(module), ret_lacks))
			return FOUND;
	}
	return LACKS_DEPENDENCY;
}

static void report_lack(struct check *check, const char *module, const char *lacks)
{
	check->failed = true;
	if (check->has_way_out)
		log_debug("%s: the initrd also lacks the module %s", check->name, lacks ?: module);
	else if (lacks && !is_same_module(lacks, module))
		log_error("%s: the initrd lacks the module %s, which %s needs: add %s to "
			  "/etc/initramfs-tools/modules",
			check->name, lacks, module, lacks);
	else
		log_error("%s: the initrd lacks the module %s: add %s to "
			  "/etc/initramfs-tools/modules",
			check->name, module, module);
}

static void check_module(struct check *check, const char *module)
{
	char lacks[MODULE_NAME];

	switch (look_up(check, module, lacks)) {
	case FOUND:
		break;
	case LACKS_DEPENDENCY:
		report_lack(check, module, lacks);
		break;
	case UNKNOWN:
		report_lack(check, module, NULL);
		break;
	}
}

/* The same, unless the kernel was built without it: then no initrd can help. */
static void check_needed(struct check *check, const char *module, const char *option)
{
	if (!abilities_lack(check->abilities, option, is_present(check, module))) {
		check_module(check, module);
		return;
	}
	check->failed = true;
	abilities_report(check->abilities, option);
}

/* USB 3 controllers are on PCI; on arm64 boards also elsewhere. A kernel without any xhci-pci can
 * do with the platform driver. */
static void check_xhci(struct check *check)
{
	char lacks[MODULE_NAME];

	if (look_up(check, "xhci-pci", lacks) == UNKNOWN &&
		look_up(check, "xhci-plat-hcd", lacks) == FOUND)
		return;
	check_needed(check, "xhci-pci", "USB_XHCI_PCI");
}

/* A cipher, mode or hash of the kernel's crypto API, by the aliases with which the kernel itself
 * would load it. */
static void check_crypto(struct check *check, const char *algorithm)
{
	char alias[64], generic[64], lacks[MODULE_NAME];

	snprintf(alias, sizeof(alias), "crypto-%s", algorithm);
	snprintf(generic, sizeof(generic), "%s_generic", algorithm);
	if (look_up(check, alias, lacks) == FOUND || look_up(check, algorithm, lacks) == FOUND ||
		look_up(check, generic, lacks) == FOUND)
		return;
	report_lack(check, algorithm, NULL);
}

/* Each part of a text like "xchacha12,aes". */
static void check_each_crypto(struct check *check, const char *algorithms)
{
	char text[64], *rest = NULL;

	snprintf(text, sizeof(text), "%s", algorithms);
	for (char *p = strtok_r(text, ",", &rest); p; p = strtok_r(NULL, ",", &rest))
		check_crypto(check, p);
}

/* Cut @text off at the first @separator; returns what follows it, or NULL if there is none. */
static char *split(char *text, char separator)
{
	char *rest = text ? strchr(text, separator) : NULL;

	if (rest)
		*rest++ = '\0';
	return rest;
}

/* dm-crypt's notation: "aes-xts-plain64" or "aes-cbc-essiv:sha256". */
static void check_cipher(struct check *check, const char *cipher)
{
	char name[sizeof(((struct luks *)NULL)->ciphers[0])], *mode, *iv, *hash;

	/* "capi:" passes on a specification for the kernel's crypto API, with parentheses. */
	if (strncmp(cipher, "capi:", 5) == 0) {
		log_warning(
			"%s: cannot tell which modules the cipher %s needs", check->name, cipher);
		return;
	}
	snprintf(name, sizeof(name), "%s", cipher);
	mode = split(name, '-');
	iv = split(mode, '-');
	hash = split(iv, ':');

	check_each_crypto(check, name);
	if (mode)
		check_each_crypto(check, mode);
	if (iv && strcmp(iv, "essiv") == 0) {
		check_crypto(check, "essiv");
		if (hash)
			check_crypto(check, hash);
	}
}

static void check_program(struct check *check, const char *path)
{
	if (initrd_has(check->initrd, path))
		return;
	check->failed = true;
	if (check->has_way_out)
		log_debug("%s: the initrd also lacks /%s", check->name, path);
	else
		log_error("%s: the initrd lacks /%s, which opens the encrypted persistence: "
			  "install cryptsetup-initramfs where the initrd is built, which also "
			  "brings the modules",
			check->name, path);
	check->has_way_out = true;
}

/* Only a warning: the keyboard may be another kind. */
static void warn_about_keyboard(const struct check *check)
{
	char lacks[MODULE_NAME];

	for (size_t i = 0; i < ARRAY_SIZE(keyboard); i++)
		if (look_up(check, keyboard[i], lacks) != FOUND) {
			log_warning("%s: the initrd lacks the module %s: the passphrase cannot be "
				    "typed on a USB keyboard: add %s and %s to "
				    "/etc/initramfs-tools/modules",
				check->name, keyboard[i], keyboard[0], keyboard[1]);
			return;
		}
}

static void check_luks(struct check *check, const struct luks *luks)
{
	check_program(check, "sbin/cryptsetup");
	check_program(check, "lib/cryptsetup/askpass");
	check_needed(check, "dm-crypt", "DM_CRYPT");
	for (size_t i = 0; i < LUKS_CIPHERS_MAX && luks->ciphers[i][0]; i++)
		check_cipher(check, luks->ciphers[i]);
	warn_about_keyboard(check);
}

/* None at all: a kernel for virtual machines. */
static bool has_no_usb(const struct check *check)
{
	bool is_there = is_present(check, "usb-storage") || is_present(check, "usbcore");

	return abilities_lack(check->abilities, "USB", is_there);
}

int modules_check(const struct initrd *initrd, const char *name, const struct luks *luks,
	const struct abilities *abilities)
{
	const char *const no_config = NULL;
	const char *index = initrd_module_index(initrd);
	cleanup(kmod_unrefp) struct kmod_ctx *kmod = NULL;
	autofree char *dependencies = NULL;
	struct check check = {.initrd = initrd, .name = name, .abilities = abilities};
	const char *const *releases;
	int r;

	/* initrd_check() has reported this. */
	if (initrd_releases(initrd, &releases) != 1)
		return -ERR_REFUSED;
	if (!index)
		return refuse(
			-ERR_REFUSED, "%s: the initrd has no module index (modules.dep.bin)", name);
	kmod = kmod_new(index, &no_config);
	if (!kmod)
		return report(-ENOMEM, "%s: cannot check the initrd's modules", name);
	kmod_set_log_fn(kmod, ignore_log, NULL);
	r = dump_dependencies(kmod, &dependencies);
	if (r < 0)
		return report(r, "%s: cannot read the initrd's module index", name);
	check.kmod = kmod;
	check.dependencies = dependencies;

	if (has_no_usb(&check)) {
		abilities_report_no_usb(abilities);
		return -ERR_REFUSED;
	}
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		check_needed(&check, needed[i].module, needed[i].option);
	check_xhci(&check);
	if (luks)
		check_luks(&check, luks);
	return check.failed ? -ERR_REFUSED : 0;
}
