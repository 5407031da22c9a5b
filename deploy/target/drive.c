/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "drive.h"

#include <ctype.h>
#include <dirent.h>
#include <linux/major.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/size.h"
#include "base/text.h"
#include "base/util.h"
#include "machine/udev.h"

/* How a device is attached, by the folders in its sysfs path; the first match counts. A trailing
 * `#` stands for a number. */
static const struct {
	const char *folder;
	const char *bus;
} buses[] = {
	{"usb#", "usb"},
	{"mmc_host", "mmc"},
	{"nvme", "nvme"},
	{"nvme-subsystem", "nvme"}, /* several paths to one disk: below /sys/devices/virtual */
	{"virtio#", "virtio"},
	{"ata#", "ata"},
	{"virtual", "virtual"},
	{"host#", "scsi"},
};

/* One blank between words, none at the ends, only printable characters. */
static void tidy(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		bool is_blank = isspace((unsigned char)*from);

		if (is_blank && (to == text || to[-1] == ' '))
			continue;
		*to++ = is_blank ? ' ' : *from < ' ' || *from > '~' ? '?' : *from;
	}
	if (to > text && to[-1] == ' ')
		to--;
	*to = '\0';
}

/* The first line of a file in @folder, from byte @skip on; "" if there is none. */
static void read_text(const char *folder, const char *name, size_t skip, char *text, size_t size)
{
	cleanup(close_file) FILE *file = NULL;
	autofree char *path = NULL;
	size_t n;

	text[0] = '\0';
	path = text_new("%s/%s", folder, name);
	if (!path)
		return;
	file = fopen(path, "re");
	if (!file || fseek(file, (long)skip, SEEK_SET) < 0)
		return;
	n = fread(text, 1, size - 1, file);
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	tidy(text);
}

static uint64_t read_number(const char *folder, const char *name)
{
	char text[24];

	read_text(folder, name, 0, text, sizeof(text));
	return strtoull(text, NULL, 10);
}

/* Is there a component of that name in @path? */
static bool has_component(const char *path, const char *name)
{
	size_t length = strcspn(name, "#");

	while ((path = strchr(path, '/'))) {
		const char *rest = ++path + length;

		if (strncmp(path, name, length) != 0)
			continue;
		if (name[length] == '#' && isdigit((unsigned char)*rest))
			rest += strspn(rest, "0123456789");
		else if (name[length] == '#')
			continue;
		if (*rest == '/' || *rest == '\0')
			return true;
	}
	return false;
}

static const char *bus_of(const char *folder)
{
	/* Not in the path of a test's root folder. */
	const char *place = strstr(folder, "/sys/devices/");

	for (size_t i = 0; place && i < ARRAY_SIZE(buses); i++)
		if (has_component(place, buses[i].folder))
			return buses[i].bus;
	return "";
}

static void read_model(const char *folder, struct drive *drive)
{
	char vendor[32], model[64];

	read_text(folder, "device/vendor", 0, vendor, sizeof(vendor));
	read_text(folder, "device/model", 0, model, sizeof(model));
	if (!model[0])
		read_text(folder, "device/name", 0, model, sizeof(model)); /* MMC */
	/* virtio has a number there, and ATA just "ATA"; some models repeat the vendor. */
	if (!model[0] || strncmp(vendor, "0x", 2) == 0 || strcmp(vendor, "ATA") == 0 ||
		strncmp(model, vendor, strlen(vendor)) == 0)
		vendor[0] = '\0';
	snprintf(drive->model, sizeof(drive->model), "%s%s%s", vendor, vendor[0] ? " " : "", model);
}

/* The serial number of the USB device that a disk belongs to. */
static void read_usb_serial(const char *folder, struct drive *drive)
{
	autofree char *above = strdup(folder);
	char id[8];
	char *slash;

	while (above && (slash = strrchr(above, '/')) && strstr(above, "/sys/devices/")) {
		*slash = '\0';
		read_text(above, "idVendor", 0, id, sizeof(id));
		if (!id[0])
			continue;
		read_text(above, "serial", 0, drive->serial, sizeof(drive->serial));
		return;
	}
}

/* From the kernel first: unlike udev's, its information is there as soon as the disk is, and does
 * not change. */
static void read_serial(const struct host *host, const char *folder, struct drive *drive)
{
	size_t size = sizeof(drive->serial);

	if (strcmp(drive->bus, "usb") == 0)
		read_usb_serial(folder, drive);
	if (!drive->serial[0])
		read_text(folder, "device/serial", 0, drive->serial, size); /* NVMe, MMC */
	if (!drive->serial[0])
		read_text(folder, "serial", 0, drive->serial, size); /* virtio */
	/* SCSI Primary Commands, 7.7.21: a header of 4 bytes. */
	if (!drive->serial[0])
		read_text(folder, "device/vpd_pg80", 4, drive->serial, size);
	if (!drive->serial[0])
		udev_property(host, drive->devno, "ID_SERIAL_SHORT", drive->serial, size);
}

int drive_read(const struct host *host, dev_t devno, struct drive *ret_drive)
{
	struct drive drive = {.devno = devno};
	autofree char *folder = NULL;
	autofree char *node = NULL;
	char type[16];
	int r;

	r = device_folder(host->root, devno, &folder);
	if (r == 0)
		r = device_node(host->root, devno, &node);
	if (r < 0)
		return r;
	if (strlen(node) >= sizeof(drive.node))
		return -ENAMETOOLONG;
	strcpy(drive.node, node);

	snprintf(drive.bus, sizeof(drive.bus), "%s", bus_of(folder));
	read_model(folder, &drive);
	read_serial(host, folder, &drive);
	drive.size = read_number(folder, "size") * SECTOR_SIZE; /* whatever its sector size */
	drive.sector = read_number(folder, "queue/logical_block_size");
	drive.diskseq = read_number(folder, "diskseq");
	drive.is_read_only = read_number(folder, "ro") != 0;
	/* An on-board card reader reports 0; a card that can be taken out is "SD". */
	read_text(folder, "device/type", 0, type, sizeof(type));
	drive.is_removable = read_number(folder, "removable") != 0 || strcmp(type, "SD") == 0;
	*ret_drive = drive;
	return 0;
}

/* The number of a disk by its entry in /sys/class/block; 0: it is not to be listed. */
static dev_t listed_disk(const char *class_folder, const char *name)
{
	autofree char *folder = NULL;
	unsigned int major_number, minor_number;
	char text[24];

	folder = text_new("%s/%s", class_folder, name);
	if (!folder)
		return 0;
	/* If there is no number, it is one of several paths to a disk. */
	read_text(folder, "dev", 0, text, sizeof(text));
	if (sscanf(text, "%u:%u", &major_number, &minor_number) != 2)
		return 0;
	if (major_number == SCSI_CDROM_MAJOR || major_number == FLOPPY_MAJOR)
		return 0;
	/* Skip what is inside another disk: a partition, or the boot areas of an eMMC. Not detected
	 * by `dev`, because the controller above an NVMe disk has one as well. */
	read_text(folder, "../size", 0, text, sizeof(text));
	return text[0] ? 0 : makedev(major_number, minor_number);
}

static int is_name(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int drives_list(const struct host *host, struct drive **ret_drives, size_t *ret_n)
{
	autofree struct dirent **names = NULL;
	autofree struct drive *drives = NULL;
	autofree char *class_folder = NULL;
	size_t n = 0;
	int found;

	class_folder = text_new("%s/sys/class/block", host->root);
	if (!class_folder)
		return -ENOMEM;
	found = scandir(class_folder, &names, is_name, versionsort);
	if (found < 0)
		return -errno;
	drives = calloc((size_t)found + 1, sizeof(*drives));
	for (int i = 0; i < found; i++) {
		dev_t devno = drives ? listed_disk(class_folder, names[i]->d_name) : 0;

		free(names[i]);
		/* A disk that cannot be read has just been unplugged. */
		if (devno && drive_read(host, devno, &drives[n]) == 0 &&
			strcmp(drives[n].bus, "virtual") != 0)
			n++;
	}
	if (!drives)
		return -ENOMEM;
	*ret_drives = steal_pointer(drives);
	*ret_n = n;
	return 0;
}

bool drive_is_same(const struct drive *one, const struct drive *other)
{
	return one->devno == other->devno && one->size == other->size &&
	       one->diskseq == other->diskseq && strcmp(one->model, other->model) == 0 &&
	       strcmp(one->serial, other->serial) == 0;
}

const char *drive_name(const struct drive *drive)
{
	return drive->model[0] ? drive->model : drive->node;
}

void drive_describe(const struct drive *drive, char *text, size_t size)
{
	char bytes[SIZE_TEXT];

	snprintf(text, size, "%s: %s%s%s%s%s%s%s", drive->node, drive->model,
		drive->model[0] ? ", " : "", size_text(drive->size, bytes),
		drive->bus[0] ? ", " : "", drive->bus, drive->serial[0] ? ", serial " : "",
		drive->serial);
}
