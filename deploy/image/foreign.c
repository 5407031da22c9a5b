/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "foreign.h"

#include <string.h>
#include <strings.h>

#include "base/util.h"
#include "iso/tree.h"

#define HEAD 1024u /* bytes that are looked at */

#define COPY	   "copy it to the stick as it is, with dd"
#define WHOLE_DISK "is an image of a whole disk, not a live image (.iso): " COPY
#define WEB_PAGE   "is a web page, not an image: the download failed, so try it again"
#define WINDOWS	   "is a Windows installer, not a Debian live image"
#define INSTALLER                                                                \
	"is Debian's installer, not a live image: download an image whose name " \
	"begins with debian-live"
#define UNPACK(name, program) "is compressed (" name "): unpack it first, with " program

/* How files begin. */
static const struct {
	unsigned int at;
	const char *bytes;
	unsigned int size;
	const char *is;
} beginnings[] = {
	{0, "PK\3\4", 4, "is a zip archive: unpack it first"},
	{0, "7z\xbc\xaf\x27\x1c", 6, "is a 7-Zip archive: unpack it first"},
	{0, "Rar!\x1a\7", 6, "is a RAR archive: unpack it first"},
	{0, "\x1f\x8b", 2, UNPACK("gzip", "gunzip")},
	{0,
		"\xfd"
		"7zXZ",
		6, UNPACK("xz", "unxz")},
	{0, "\x28\xb5\x2f\xfd", 4, UNPACK("zstd", "unzstd")},
	{0, "BZh", 3, UNPACK("bzip2", "bunzip2")},
	{0, "d8:announce", 11,
		"is a torrent: open it with a BitTorrent program, which downloads the image"},
	{0, "-----BEGIN PGP", 14, "is a signature, not the image itself"},
	{0, "QFI\xfb", 4, "is a virtual machine's disk (qcow2), not a live image"},
	{0, "KDMV", 4, "is a virtual machine's disk (VMDK), not a live image"},
	{0, "conectix", 8, "is a virtual machine's disk (VHD), not a live image"},
	{0x40, "\x7f\x10\xda\xbe", 4, "is a virtual machine's disk (VDI), not a live image"},
	{512, "EFI PART", 8, WHOLE_DISK},
	{510, "\x55\xaa", 2, WHOLE_DISK},
};

static const char *const pages[] = {"<!doctype", "<html", "<head", "<?xml", "<!--"};

/* Folders and files of other families; the first that is there tells. */
static const struct {
	const char *path;
	const char *is;
} trees[] = {
	{"/live/Tails.module",
		"is Tails, which updates itself in its own way: install it as its website "
		"says"},
	{"/casper",
		"is made for casper, as Ubuntu and Mint are, not for live-boot: use a Debian live "
		"image, such as Debian's own or LMDE"},
	{"/antiX", "is antiX or MX, which boot in their own way: use their live-usb-maker"},
	{"/KNOPPIX", "is Knoppix, which boots in its own way: use its flash-knoppix"},
	{"/sysresccd", "is SystemRescue, which is not based on Debian: " COPY},
	{"/arch", "is based on Arch Linux, not on Debian: " COPY},
	{"/LiveOS", "is based on Fedora or openSUSE, not on Debian: " COPY},
	{"/sources/install.wim", WINDOWS},
	{"/sources/install.esd", WINDOWS},
	{"/install.amd", INSTALLER},
	{"/install.386", INSTALLER},
	{"/install.a64", INSTALLER},
	{"/d-i", INSTALLER},
};

static bool is_text(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (bytes[i] < ' ' && !memchr("\t\r\n", bytes[i], 3))
			return false;
	return true;
}

const char *foreign_file(const struct disk *disk)
{
	uint8_t head[HEAD + 1] = {0};
	const size_t size = (size_t)MIN(disk_size(disk), (uint64_t)HEAD);
	size_t blanks;

	if (size == 0)
		return "is empty: the download failed, so try it again";
	if (disk_read(disk, 0, head, size) < 0)
		return NULL;
	blanks = strspn((const char *)head, "\xef\xbb\xbf \t\r\n");
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		if (blanks + strlen(pages[i]) < size &&
			strncasecmp((const char *)head + blanks, pages[i], strlen(pages[i])) == 0)
			return WEB_PAGE;
	for (size_t i = 0; i < ARRAY_SIZE(beginnings); i++)
		if (memcmp(head + beginnings[i].at, beginnings[i].bytes, beginnings[i].size) == 0)
			return beginnings[i].is;
	return is_text(head, size) ? "is a text, not an image" : NULL;
}

const char *foreign_tree(const struct volume *volume)
{
	const bool has_live = tree_has(volume, "/live", true);

	for (size_t i = 0; i < ARRAY_SIZE(trees); i++)
		if (has_live == (strncmp(trees[i].path, "/live/", 6) == 0) &&
			(tree_has(volume, trees[i].path, true) ||
				tree_has(volume, trees[i].path, false)))
			return trees[i].is;
	return NULL;
}
