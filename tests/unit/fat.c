/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * File systems made by mkfs.fat and mtools, seen through a disk on which they begin at an offset.
 * Each sector of the wanted file states its number, so searching the bytes for it shows where it
 * really is.
 */

#include "disk/fat.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/util.h"

#define OFFSET	(3 * MIB + 512)
#define SECTORS 23u /* of the file, the last one not full: */
#define SIZE	(SECTORS * SECTOR_SIZE - 100)

static unsigned int reads; /* by one fat_locate() */

/* A file system, and the disk that fat_locate() is given: it lies there at OFFSET. */
struct disk {
	char folder[32];
	char path[64];
	uint8_t *bytes;
	size_t size;
};

/* In place of the real one: what is outside of the partition may not be asked for. */
int disk_read_medium(const struct disk *disk, uint64_t offset, void *buffer, size_t size)
{
	assert_true(offset >= OFFSET && offset - OFFSET <= disk->size);
	assert_true(size <= disk->size - (offset - OFFSET));
	assert_true(++reads < 20000);
	memcpy(buffer, disk->bytes + (offset - OFFSET), size);
	return 0;
}

/* Run a program by name, without its output. */
#define run(...) run_argv((const char *const[]){__VA_ARGS__, NULL})

static void run_argv(const char *const argv[])
{
	int status, null;
	pid_t pid;

	pid = fork();
	if (pid == 0) {
		null = open("/dev/null", O_WRONLY);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
		setenv("MTOOLS_SKIP_CHECK", "1", 1);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0)
		fail_msg("%s failed: %d", argv[0], status);
}

static void stamp(char sector[SECTOR_SIZE], unsigned int i)
{
	memset(sector, 0, SECTOR_SIZE);
	snprintf(sector, SECTOR_SIZE, "this is sector %u of the file looked for", i);
}

/* Write a file of @size bytes into the image's folder; returns its path. */
static char *local_file(const struct disk *image, const char *name, size_t size)
{
	static char path[128];
	char sector[SECTOR_SIZE];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", image->folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	for (unsigned int i = 0; size; i++) {
		size_t part = MIN(size, sizeof(sector));

		stamp(sector, i);
		assert_int_equal(fwrite(sector, 1, part, file), part);
		size -= part;
	}
	assert_int_equal(fclose(file), 0);
	return path;
}

static void make(struct disk *image, const char *bits, const char *sector_size,
	const char *cluster_sectors, const char *kib)
{
	*image = (struct disk){.folder = "/tmp/liveng-fat-XXXXXX"};
	assert_non_null(mkdtemp(image->folder));
	snprintf(image->path, sizeof(image->path), "%s/disk", image->folder);
	run("mkfs.fat", "-C", "-F", bits, "-S", sector_size, "-s", cluster_sectors, "-n", "GRUBENV",
		image->path, kib);
}

/* Load what mtools made; from here on it is changed in memory. */
static void load(struct disk *image)
{
	struct stat st;
	int fd = open(image->path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	image->size = (size_t)st.st_size;
	free(image->bytes);
	image->bytes = malloc(image->size);
	assert_non_null(image->bytes);
	assert_int_equal(read(fd, image->bytes, image->size), st.st_size);
	close(fd);
}

static int locate(const struct disk *image, const char *path, uint64_t *ret_size,
	uint64_t *ret_sectors, size_t n)
{
	reads = 0;
	return fat_locate(
		image, (struct extent){OFFSET, image->size}, path, ret_size, ret_sectors, n);
}

static int locate_error(const struct disk *image, const char *path)
{
	uint64_t size = 77, sectors[SECTORS] = {78};
	int r = locate(image, path, &size, sectors, SECTORS);

	if (r < 0) {
		assert_int_equal(size, 77);
		assert_int_equal(sectors[0], 78);
	}
	return r;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void discard(struct disk *image)
{
	nftw(image->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(image->bytes);
}

/* The first FAT. */
static uint8_t *table(const struct disk *image)
{
	return image->bytes + 512 * (image->bytes[14] | image->bytes[15] << 8);
}

static void set16(uint8_t *p, unsigned int value)
{
	p[0] = (uint8_t)value;
	p[1] = (uint8_t)(value >> 8);
}

static unsigned int get16(const uint8_t *p)
{
	return (unsigned int)(p[0] | p[1] << 8);
}

/* Find where the sector really is by searching the disk for its content. */
static uint64_t search(const struct disk *image, unsigned int i)
{
	char sector[SECTOR_SIZE];
	const uint8_t *found;

	stamp(sector, i);
	found = memmem(image->bytes, image->size, sector, strlen(sector) + 1);
	assert_non_null(found);
	return OFFSET + (uint64_t)(found - image->bytes);
}

/* Make the file in pieces: small files first, then this one into the gaps that every second leaves.
 */
static void make_fragmented(struct disk *image, size_t cluster_size)
{
	const char *copy[32] = {"mcopy", "-i", image->path};
	char paths[26][40];
	FILE *file;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		snprintf(paths[i], sizeof(paths[i]), "%s/%c", image->folder, (char)('a' + i));
		local_file(image, strrchr(paths[i], '/') + 1, cluster_size);
		copy[3 + i] = paths[i];
	}
	copy[3 + ARRAY_SIZE(paths)] = "::/boot";
	run("mmd", "-i", image->path, "::/boot", "::/boot/grub");
	run_argv(copy);
	run("mdel", "-i", image->path, "::/boot/[acegikmoqsuwy]");
	load(image);
	/* The search must not find the content of the small ones. */
	for (uint8_t *p = image->bytes; p < image->bytes + image->size; p += SECTOR_SIZE)
		if (memcmp(p, "this is", 7) == 0)
			p[0] = 'T';
	/* FAT32 keeps a hint where to look for free clusters (FSI_Free_Count, FSI_Nxt_Free). */
	uint8_t *info = image->bytes + get16(image->bytes + 11);
	if (memcmp(info, "RRaA", 4) == 0)
		memset(info + 488, 0xff, 8);
	file = fopen(image->path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(image->bytes, 1, image->size, file), image->size);
	assert_int_equal(fclose(file), 0);
	run("mcopy", "-i", image->path, local_file(image, "grubenv", SIZE), "::/boot/grub/grubenv");
	load(image);
}

static void check_file(
	const char *bits, const char *sector_size, const char *cluster_sectors, const char *kib)
{
	size_t cluster_size = (size_t)(atoi(sector_size) * atoi(cluster_sectors));
	uint64_t sectors[SECTORS + 2], size = 0;
	unsigned int jumps = 0;
	struct disk image;

	make(&image, bits, sector_size, cluster_sectors, kib);
	make_fragmented(&image, cluster_size);
	assert_int_equal(
		locate(&image, "boot/grub/grubenv", &size, sectors, ARRAY_SIZE(sectors)), 0);
	assert_int_equal(size, SIZE);
	for (unsigned int i = 0; i < SECTORS; i++) {
		assert_int_equal(sectors[i], search(&image, i));
		jumps += i && sectors[i] != sectors[i - 1] + SECTOR_SIZE;
	}
	assert_int_equal(sectors[SECTORS], 0);
	assert_int_equal(sectors[SECTORS + 1], 0);
	assert_true(jumps > 0);
	discard(&image);
}

static void finds_a_file_on_fat12(void **state)
{
	(void)state;
	check_file("12", "512", "1", "2000");
	check_file("12", "512", "4", "6000");
	check_file("12", "1024", "1", "2000");
	check_file("12", "4096", "1", "12000");
}

static void finds_a_file_on_fat16(void **state)
{
	(void)state;
	check_file("16", "512", "1", "8000");
	check_file("16", "512", "16", "40000");
	check_file("16", "2048", "1", "16000");
}

static void finds_a_file_on_fat32(void **state)
{
	(void)state;
	check_file("32", "512", "1", "34000");
	check_file("32", "1024", "1", "68000");
}

/* A file of two clusters, in a directory of two. */
static void make_small(struct disk *image, const char *bits)
{
	make(image, bits, "512", "1", bits[0] == '3' ? "34000" : bits[1] == '6' ? "3000" : "1000");
	run("mmd", "-i", image->path, "::/boot", "::/boot/grub");
	for (char name[] = "::/boot/grub/a rather long name a"; name[32] <= 'h'; name[32]++)
		run("mcopy", "-i", image->path, local_file(image, "x", 0), name);
	run("mcopy", "-i", image->path, local_file(image, "x", 1024), "::/boot/grub/grubenv");
	load(image);
}

/* Where the entry with this name lies; NULL if there is none. */
static uint8_t *entry(const struct disk *image, const char name[11])
{
	for (uint8_t *p = image->bytes; p < image->bytes + image->size; p += 32)
		if (memcmp(p, name, 11) == 0 && !(p[11] & 0x08))
			return p;
	fail_msg("no entry %s", name);
	return NULL;
}

/* mkfs.fat makes them with -F 32; GRUB and Linux take them, mtools does not. */
static void a_small_fat32_is_not_taken_for_fat16(void **state)
{
	struct disk image;

	(void)state;
	make_small(&image, "32");
	set16(image.bytes + 32, 5000);
	image.bytes[34] = 0;
	assert_int_equal(locate_error(&image, "boot/grub/grubenv"), 0);
	discard(&image);
}

static void compares_short_names_without_case(void **state)
{
	struct disk image;

	(void)state;
	make_small(&image, "16");
	assert_int_equal(locate_error(&image, "boot/grub/grubenv"), 0);
	assert_int_equal(locate_error(&image, "/BOOT//Grub/GrubEnv"), 0);
	memcpy(entry(&image, "GRUBENV    "), "gRUBENV    ", 11);
	assert_int_equal(locate_error(&image, "boot/grub/grubenv"), 0);
	discard(&image);
}

static void finds_no_other_file(void **state)
{
	static const char *const paths[] = {"grubenv" /* the label */, "boot/grub", "boot", "", "/",
		"boot/grub/grubenv/x", "boot/grub/grubenv.x", "boot/grub/grubenv/", "boot/grubenv",
		"boot/grub/grubenvxxxxx", "boot/grub/a rather long name a",
		"boot/grub/../grub/grubenv", "boot/./grub/grubenv", "boot/grub/.",
		"boot/grub/grubenv .", "\xe5oot"};
	struct disk image;

	(void)state;
	make_small(&image, "12");
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		/* A trailing slash is not part of a name. */
		int expected = strcmp(paths[i], "boot/grub/grubenv/") == 0 ? 0 : -ENOENT;

		assert_int_equal(locate_error(&image, paths[i]), expected);
	}
	entry(&image, "GRUBENV    ")[0] = 0xe5;
	assert_int_equal(locate_error(&image, "boot/grub/grubenv"), -ENOENT);
	discard(&image);
}

static void an_empty_file_has_no_sectors(void **state)
{
	uint64_t size = 1, sectors[2] = {1, 1};
	struct disk image;

	(void)state;
	make_small(&image, "16");
	memset(entry(&image, "GRUBENV    ") + 26, 0, 6);
	assert_int_equal(locate(&image, "boot/grub/grubenv", &size, sectors, 2), 0);
	assert_int_equal(size, 0);
	assert_int_equal(sectors[0], 0);
	assert_int_equal(sectors[1], 0);
	discard(&image);
}

static void other_file_systems_are_not_fat(void **state)
{
	struct disk image;

	(void)state;
	make_small(&image, "16");
	image.bytes[16] = 0; /* no FATs: NTFS */
	assert_int_equal(locate_error(&image, "boot/grub/grubenv"), -ERR_FOREIGN);
	memset(image.bytes, 0, 512);
	assert_int_equal(locate_error(&image, "boot/grub/grubenv"), -ERR_FOREIGN);
	image.size = 100;
	assert_int_equal(locate_error(&image, "boot/grub/grubenv"), -ERR_FOREIGN);
	discard(&image);
}

static void damaged_chains_are_reported(void **state)
{
	struct disk image;
	unsigned int first, folder;
	uint8_t *file;

	(void)state;
	make(&image, "16", "512", "1", "8000");
	make_fragmented(&image, 512);
	file = entry(&image, "GRUBENV    ");
	first = get16(file + 26);
	assert_int_equal(locate_error(&image, "boot/grub/grubenv"), 0);

	static const unsigned int wrong[] = {0, 1, 0xfff0, 0xfff7, 0xffff};
	uint8_t *link = table(&image) + 2 * first;
	unsigned int good = get16(link);

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		set16(link, wrong[i]);
		assert_int_equal(locate_error(&image, "boot/grub/grubenv"), -ERR_DAMAGED);
		set16(file + 26, wrong[i]);
		assert_int_equal(locate_error(&image, "boot/grub/grubenv"), -ERR_DAMAGED);
		set16(file + 26, first);
	}
	set16(link, first); /* a circle of one, then of two */
	assert_int_equal(locate_error(&image, "boot/grub/grubenv"), -ERR_DAMAGED);
	set16(link, good);
	set16(table(&image) + 2 * good, first);
	assert_int_equal(locate_error(&image, "boot/grub/grubenv"), -ERR_DAMAGED);

	/* A directory in a circle, without an end mark among its entries, or without any
	 * cluster. */
	folder = get16(entry(&image, "GRUB       ") + 26);
	size_t root_size = (size_t)get16(image.bytes + 17) * 32;
	uint8_t *data = table(&image) + 2u * 512 * get16(image.bytes + 22) + root_size;
	memset(data + (folder - 2) * 512u, 'x', 512);
	set16(table(&image) + 2 * folder, folder);
	assert_int_equal(locate_error(&image, "boot/grub/grubenv"), -ERR_DAMAGED);
	set16(entry(&image, "GRUB       ") + 26, 0);
	assert_int_equal(locate_error(&image, "boot/grub/grubenv"), -ERR_DAMAGED);
	discard(&image);
}

static void the_last_cluster_must_be_in_use(void **state)
{
	uint64_t size, sectors[1];
	struct disk image;
	uint8_t *file;

	(void)state;
	make(&image, "16", "512", "4", "16000");
	run("mcopy", "-i", image.path, local_file(&image, "x", 1024), "::/grubenv");
	load(&image);
	file = entry(&image, "GRUBENV    ");
	assert_int_equal(locate_error(&image, "grubenv"), 0);
	set16(table(&image) + 2 * get16(file + 26), 0);
	assert_int_equal(locate_error(&image, "grubenv"), -ERR_DAMAGED);
	assert_int_equal(locate(&image, "grubenv", &size, sectors, 1), -ERR_DAMAGED);
	discard(&image);
}

static void the_active_fat_is_used(void **state)
{
	struct disk image;
	size_t fat_size;

	(void)state;
	make_small(&image, "32");
	fat_size = 512 * get16(image.bytes + 36);
	memset(table(&image), 0, fat_size);
	assert_int_equal(locate_error(&image, "boot/grub/grubenv"), -ERR_DAMAGED);
	image.bytes[40] = 0x81; /* no mirror, the second one */
	assert_int_equal(locate_error(&image, "boot/grub/grubenv"), 0);
	image.bytes[40] = 0x82;
	assert_int_equal(locate_error(&image, "boot/grub/grubenv"), -ERR_DAMAGED);
	discard(&image);
}

/* Each field of the boot sector at its extremes: an error or the file, but always an instant
 * answer. */
static void absurd_boot_sectors_are_reported(void **state)
{
	static const char *const types[] = {"12", "16", "32"};
	static const uint8_t extremes[] = {0x00, 0x01, 0x02, 0x7f, 0x80, 0xff};
	unsigned int told = 0;

	(void)state;
	for (size_t t = 0; t < ARRAY_SIZE(types); t++) {
		struct disk image;
		uint8_t good[512];

		if (strcmp(types[t], "16") == 0) {
			make(&image, "16", "512", "1", "8000");
			make_fragmented(&image, 512);
		} else {
			make_small(&image, types[t]);
		}
		memcpy(good, image.bytes, sizeof(good));
		for (size_t field = 11; field < 48; field++) {
			for (size_t e = 0; e < ARRAY_SIZE(extremes); e++) {
				for (size_t width = 1; width <= 4; width++) {
					int r;

					memset(image.bytes + field, extremes[e], width);
					r = locate_error(&image, "boot/grub/grubenv");
					assert_true(r == 0 || r == -ERR_DAMAGED || r == -ENOENT ||
						    r == -ERR_FOREIGN);
					told += r < 0;
					memcpy(image.bytes, good, sizeof(good));
				}
			}
		}
		/* A file system larger than its partition. */
		image.size -= 512;
		assert_int_equal(locate_error(&image, "boot/grub/grubenv"), -ERR_DAMAGED);
		discard(&image);
	}
	assert_true(told > 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_a_file_on_fat12),
		cmocka_unit_test(finds_a_file_on_fat16),
		cmocka_unit_test(finds_a_file_on_fat32),
		cmocka_unit_test(a_small_fat32_is_not_taken_for_fat16),
		cmocka_unit_test(compares_short_names_without_case),
		cmocka_unit_test(finds_no_other_file),
		cmocka_unit_test(an_empty_file_has_no_sectors),
		cmocka_unit_test(other_file_systems_are_not_fat),
		cmocka_unit_test(damaged_chains_are_reported),
		cmocka_unit_test(the_last_cluster_must_be_in_use),
		cmocka_unit_test(the_active_fat_is_used),
		cmocka_unit_test(absurd_boot_sectors_are_reported),
	};

	return cmocka_run_group_tests_name("fat", tests, NULL, NULL);
}
