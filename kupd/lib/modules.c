/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "modules.h"

#include "log.h"
#include "util.h"

#include <libkmod.h>
#include <string.h>

/* What a stick needs between the kernel's start and the persistence's mount, whatever it is plugged
 * into. */
static const char *const needed[] = {
	"usb-storage", "uas", /* both kinds of USB storage */
	"xhci-hcd",	      /* its pci or platform half is asked for below */
	"sd_mod",	      /* disks on top of them */
	"isofs",	      /* partitions 1 and 2 */
	"loop", "squashfs",   /* the system's image */
	"overlay",	      /* what can be written above it */
	"ext4",		      /* persistence */
	"vfat",		      /* partition 3 */
};

struct check {
	const struct initrd *initrd;
	const char *name;
	struct kmod_ctx *kmod;
	bool failed;
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

static bool is_present(const struct check *check, const struct kmod_module *module)
{
	/* Built in is told by the index, before libkmod asks the running kernel for anything. */
	return kmod_module_get_initstate(module) == KMOD_MODULE_BUILTIN ||
	       initrd_has_module(check->initrd, kmod_module_get_name(module));
}

/* Is the module there with all that it depends on? If not, @ret_lacks is the first one that is not.
 */
static bool is_complete(
	const struct check *check, const struct kmod_module *module, char ret_lacks[256])
{
	cleanup(list_freep) struct kmod_list *dependencies = NULL;
	struct kmod_list *item;

	if (!is_present(check, module)) {
		snprintf(ret_lacks, 256, "%s", kmod_module_get_name(module));
		return false;
	}
	dependencies = kmod_module_get_dependencies(module);
	kmod_list_foreach(item, dependencies)
	{
		cleanup(module_freep) struct kmod_module *dependency = kmod_module_get_module(item);

		if (!is_present(check, dependency)) {
			snprintf(ret_lacks, 256, "%s", kmod_module_get_name(dependency));
			return false;
		}
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

/* Look for a module, by its name or an alias; of several that serve an alias one is enough. */
static enum found look_up(const struct check *check, const char *alias, char ret_lacks[256])
{
	cleanup(list_freep) struct kmod_list *list = NULL;
	struct kmod_list *item;

	if (kmod_module_new_from_lookup(check->kmod, alias, &list) < 0 || !list)
		return UNKNOWN;
	kmod_list_foreach(item, list)
	{
		cleanup(module_freep) struct kmod_module *module = kmod_module_get_module(item);

		if (is_complete(check, module, ret_lacks))
			return FOUND;
	}
	return LACKS_DEPENDENCY;
}

static void report(struct check *check, const char *module, const char *lacks)
{
	check->failed = true;
	if (lacks && !is_same_module(lacks, module))
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
	char lacks[256];

	switch (look_up(check, module, lacks)) {
	case FOUND:
		break;
	case LACKS_DEPENDENCY:
		report(check, module, lacks);
		break;
	case UNKNOWN:
		report(check, module, NULL);
		break;
	}
}

/* USB 3 controllers are found on PCI; on arm64 boards also without. A kernel that knows no
 * xhci-pci at all gets along with the other. */
static void check_xhci(struct check *check)
{
	char lacks[256];

	if (look_up(check, "xhci-pci", lacks) == UNKNOWN &&
		look_up(check, "xhci-plat-hcd", lacks) == FOUND)
		return;
	check_module(check, "xhci-pci");
}

/* A cipher, mode or hash of the kernel's crypto, by the aliases under which the kernel itself would
 * load it. */
static void check_crypto(struct check *check, const char *algorithm)
{
	char alias[64], generic[64], lacks[256];

	snprintf(alias, sizeof(alias), "crypto-%s", algorithm);
	snprintf(generic, sizeof(generic), "%s_generic", algorithm);
	if (look_up(check, alias, lacks) == FOUND || look_up(check, algorithm, lacks) == FOUND ||
		look_up(check, generic, lacks) == FOUND)
		return;
	report(check, algorithm, NULL);
}

/* Each part of a text like "xchacha12,aes". */
static void check_each_crypto(struct check *check, const char *algorithms)
{
	char text[64], *rest = NULL;

	snprintf(text, sizeof(text), "%s", algorithms);
	for (char *p = strtok_r(text, ",", &rest); p; p = strtok_r(NULL, ",", &rest))
		check_crypto(check, p);
}

/* dm-crypt's notation: cipher "aes"; mode "xts-plain64" or "cbc-essiv:sha256". */
static void check_cipher(struct check *check, const struct luks *luks)
{
	char mode[sizeof(luks->mode)], *iv, *hash = NULL;

	/* "capi:" hands a specification of the kernel's crypto through, with brackets. */
	if (strncmp(luks->cipher, "capi:", 5) == 0) {
		log_warning("%s: cannot tell which modules the cipher %s needs", check->name,
			luks->cipher);
		return;
	}
	snprintf(mode, sizeof(mode), "%s", luks->mode);
	iv = strchr(mode, '-');
	if (iv) {
		*iv++ = '\0';
		hash = strchr(iv, ':');
	}
	if (hash)
		*hash++ = '\0';

	check_each_crypto(check, luks->cipher);
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
	log_error("%s: the initrd lacks /%s, which opens the encrypted persistence: install "
		  "cryptsetup-initramfs",
		check->name, path);
}

int modules_check(const struct initrd *initrd, const char *name, const struct luks *luks)
{
	const char *const no_config = NULL;
	const char *index = initrd_module_index(initrd);
	cleanup(kmod_unrefp) struct kmod_ctx *kmod = NULL;
	struct check check = {.initrd = initrd, .name = name};

	if (!index) {
		log_error("%s: the initrd has no list of its modules (modules.dep.bin)", name);
		return -ERR_REFUSED;
	}
	kmod = kmod_new(index, &no_config);
	if (!kmod)
		return -ENOMEM;
	kmod_set_log_fn(kmod, ignore_log, NULL);
	check.kmod = kmod;

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		check_module(&check, needed[i]);
	check_xhci(&check);
	if (luks) {
		check_module(&check, "dm-crypt");
		check_cipher(&check, luks);
		check_program(&check, "sbin/cryptsetup");
		check_program(&check, "lib/cryptsetup/askpass");
	}
	return check.failed ? -ERR_REFUSED : 0;
}
