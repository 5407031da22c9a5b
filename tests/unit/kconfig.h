/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * For unit tests: the configuration of a kernel as Debian builds it, with changes.
 */

#include "kernel/kconfig.h"

#include <stdio.h>

#include "said.h"

/* Read a file with this content. */
static inline int kconfig_from(const char *text, size_t size, struct kconfig **ret_config)
{
	autoclose int fd = file_with(text, size);
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return kconfig_read(path, ret_config);
}

/* Of one that has what a stick needs, with these lines instead of those about the same options. */
static inline struct kconfig *kconfig_with(const char *lines)
{
	static const char *const options[] = {"BLK_DEV_INITRD=y", "RD_GZIP=y", "RD_BZIP2=y",
		"RD_LZMA=y", "RD_XZ=y", "RD_LZ4=y", "RD_ZSTD=y", "EFI_PARTITION=y", "DEVTMPFS=y",
		"BLK_DEV_LOOP=m", "BLK_DEV_SD=m", "DM_CRYPT=m", "USB=m", "USB_XHCI_HCD=m",
		"USB_XHCI_PCI=m", "USB_STORAGE=m", "USB_UAS=m", "EXT4_FS=m", "OVERLAY_FS=m",
		"ISO9660_FS=m", "VFAT_FS=m", "TMPFS=y", "SQUASHFS=m"};
	struct kconfig *config = NULL;
	autofree char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	if (!stream)
		abort();
	fprintf(stream, "#\n# Linux/x86 6.1.192 Kernel Configuration\n#\n%s", lines);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		char name[64], off[64];

		snprintf(name, sizeof(name), "_%.*s=", (int)strcspn(options[i], "="), options[i]);
		snprintf(off, sizeof(off), "_%.*s is", (int)strcspn(options[i], "="), options[i]);
		if (!strstr(lines, name) && !strstr(lines, off))
			fprintf(stream, "CONFIG_%s\n", options[i]);
	}
	fclose(stream);
	if (kconfig_from(text, size, &config) < 0)
		abort();
	return config;
}
