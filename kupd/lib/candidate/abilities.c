/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "abilities.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "installed.h"

/* None of these can be a module. */
static const char *const needed[] = {
	"DEVTMPFS",	 /* /dev */
	"TMPFS",	 /* /run, and the changes of a boot without persistence */
	"EFI_PARTITION", /* GPT */
};

/* How initrds are packed, the usual ones first; CONFIG_RD_ and the name in capitals. */
static const char *const packings[] = {"gzip", "zstd", "xz", "lz4", "lzma", "bzip2"};

/* Debian's kernels that run on any computer of their architecture. */
static const char *plain_kernel(const char *release)
{
	static const char *const plain[][2] = {{"amd64", "linux-image-amd64"},
		{"arm64", "linux-image-arm64"}, {"686-pae", "linux-image-686-pae"},
		{"686", "linux-image-686"}};
	const char *flavour = installed_flavour(release);

	for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
		const size_t length = strlen(flavour), own = strlen(plain[i][0]);

		if (length >= own && strcmp(flavour + length - own, plain[i][0]) == 0 &&
			(length == own || flavour[length - own - 1] == '-'))
			return plain[i][1];
	}
	return "a kernel of Debian's own";
}

bool abilities_lack(const struct abilities *abilities, const char *option, bool present)
{
	enum kconfig_answer answer =
		abilities->config ? kconfig_get(abilities->config, option) : KCONFIG_ON;

	return answer == KCONFIG_OFF || (answer == KCONFIG_UNSAID && !present);
}

void abilities_report(const struct abilities *abilities, const char *option)
{
	log_error("%s: the kernel was built without CONFIG_%s, which a stick needs: install %s "
		  "instead",
		abilities->kernel, option, plain_kernel(abilities->release));
}

void abilities_report_no_usb(const struct abilities *abilities)
{
	log_error("%s: the kernel has no USB, as it was built for virtual machines: it cannot boot "
		  "a stick: install %s instead",
		abilities->kernel, plain_kernel(abilities->release));
}

static enum kconfig_answer can_unpack(const struct kconfig *config, const char *packing)
{
	char option[32];

	snprintf(option, sizeof(option), "RD_%s", packing);
	for (char *p = option; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	return kconfig_get(config, option);
}

/* The first packing with this answer; NULL: there is none. */
static const char *find_packing(const struct kconfig *config, enum kconfig_answer answer)
{
	for (size_t i = 0; i < ARRAY_SIZE(packings); i++)
		if (can_unpack(config, packings[i]) == answer)
			return packings[i];
	return NULL;
}

/* A kernel that mentions some packings, but not this one, is older than it. If it mentions none, it
 * may have got other names for them. */
static bool cannot_unpack(const struct kconfig *config, const char *packing)
{
	enum kconfig_answer answer = can_unpack(config, packing);

	if (answer != KCONFIG_UNSAID)
		return answer == KCONFIG_OFF;
	return find_packing(config, KCONFIG_ON) || find_packing(config, KCONFIG_OFF);
}

static int refuse_packing(const struct abilities *abilities, const char *name, const char *packing)
{
	const char *other = find_packing(abilities->config, KCONFIG_ON);

	if (!other)
		return refuse(-ERR_REFUSED,
			"%s: the kernel cannot unpack any initrd: install %s instead",
			abilities->kernel, plain_kernel(abilities->release));
	return refuse(-ERR_REFUSED,
		"%s: the kernel cannot unpack this initrd, which is compressed with %s: put "
		"COMPRESS=%s into /etc/initramfs-tools/initramfs.conf and run " INITRD_BUILD,
		name, packing, other, abilities->release);
}

int abilities_check(
	const struct abilities *abilities, const struct initrd *initrd, const char *name)
{
	const char *const *formats;
	int r = 0;

	if (!abilities->config)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (abilities_lack(abilities, needed[i], true)) {
			abilities_report(abilities, needed[i]);
			r = -ERR_REFUSED;
		}
	if (abilities_lack(abilities, "BLK_DEV_INITRD", true)) {
		abilities_report(abilities, "BLK_DEV_INITRD");
		return -ERR_REFUSED;
	}
	for (size_t n = initrd_packings(initrd, &formats); n > 0; n--)
		if (cannot_unpack(abilities->config, formats[n - 1]))
			r = refuse_packing(abilities, name, formats[n - 1]);
	return r;
}
