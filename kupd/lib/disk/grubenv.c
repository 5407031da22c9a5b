/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "grubenv.h"

#include <string.h>

#include "base/util.h"
#include "fat.h"

/*
 * The format, according to GRUB's reader and writer: the signature, then lines of `name=value` or
 * of `#` and a comment, then `#` up to the end. In a value a backslash makes the next byte literal,
 * even a newline.
 */
#define SIGNATURE_LENGTH (sizeof(GRUBENV_SIGNATURE) - 1)
#define SECTORS		 (GRUBENV_SIZE / SECTOR_SIZE)

struct grubenv {
	uint64_t sectors[SECTORS]; /* byte offsets from the start of the disk */
	char block[GRUBENV_SIZE];  /* the wanted content */
	char stored[GRUBENV_SIZE]; /* the content on the disk */
	bool is_unsure[SECTORS];   /* a write failed: it is not known what is stored there */
	/* The values without escapes, each at its place in the block and ended by a 0. */
	char plain[GRUBENV_SIZE + 1];
};

/* A line of a block, as offsets into it. */
struct line {
	size_t start;
	size_t value; /* after the `=`; 0: a comment */
	size_t end;   /* of the value or the comment: the newline */
};

/*
 * Parse the line at @offset. Returns 1 if there is one, 0 if only padding follows; -ERR_DAMAGED if
 * GRUB would not read it as a line: a name without a `=` would join the next line, a value without
 * a newline would run into the padding.
 */
static int parse_line(const char block[GRUBENV_SIZE], size_t offset, struct line *ret_line)
{
	struct line line = {.start = offset};
	size_t i = offset;

	while (i < GRUBENV_SIZE && block[i] == '#')
		i++;
	if (i == GRUBENV_SIZE)
		return 0;
	if (i == offset) {
		while (i < GRUBENV_SIZE && block[i] != '=' && block[i] != '\n')
			i++;
		if (i == offset || i == GRUBENV_SIZE || block[i] != '=')
			return -ERR_DAMAGED;
		line.value = ++i;
	}
	for (; i < GRUBENV_SIZE && block[i] != '\n'; i++)
		if (block[i] == '\\')
			i++;
	if (i >= GRUBENV_SIZE || block[i] != '\n')
		return -ERR_DAMAGED;
	line.end = i;
	*ret_line = line;
	return 1;
}

/* Check a block; 0 or -ERR_DAMAGED. */
static int check(const char block[GRUBENV_SIZE])
{
	struct line line = {.end = SIGNATURE_LENGTH - 1};
	int r;

	if (memcmp(block, GRUBENV_SIGNATURE, SIGNATURE_LENGTH) != 0 ||
		memchr(block, 0, GRUBENV_SIZE))
		return -ERR_DAMAGED;
	do
		r = parse_line(block, line.end + 1, &line);
	while (r > 0);
	return r;
}

/* The next line of a checked block that sets @name, from @line on; false: there is none. */
static bool find(const char block[GRUBENV_SIZE], const char *name, struct line *line)
{
	size_t length = strlen(name);

	while (parse_line(block, line->end + 1, line) > 0)
		if (line->value - line->start == length + 1 &&
			memcmp(block + line->start, name, length) == 0)
			return true;
	return false;
}

/* Fill in the values without escapes, which are never longer than those with. */
static void unescape(struct grubenv *grubenv)
{
	struct line line = {.end = SIGNATURE_LENGTH - 1};

	while (parse_line(grubenv->block, line.end + 1, &line) > 0) {
		size_t to = line.value;

		if (!line.value)
			continue;
		for (size_t i = line.value; i < line.end; i++) {
			if (grubenv->block[i] == '\\')
				i++;
			grubenv->plain[to++] = grubenv->block[i];
		}
		grubenv->plain[to] = '\0';
	}
}

int grubenv_open(const struct disk *disk, struct extent esp, struct grubenv **ret_grubenv)
{
	cleanup(grubenv_freep) struct grubenv *grubenv = calloc(1, sizeof(*grubenv));
	uint64_t size;
	int r;

	if (!grubenv)
		return -ENOMEM;
	r = fat_locate(disk, esp, GRUBENV_PATH, &size, grubenv->sectors, SECTORS);
	if (r == -ERR_FOREIGN)
		return -ENOENT;
	if (r < 0)
		return r;
	if (size != GRUBENV_SIZE)
		return -ERR_DAMAGED;
	for (size_t i = 0; i < SECTORS; i++) {
		r = disk_read_medium(
			disk, grubenv->sectors[i], grubenv->block + i * SECTOR_SIZE, SECTOR_SIZE);
		if (r < 0)
			return r;
	}
	r = check(grubenv->block);
	if (r < 0)
		return r;
	memcpy(grubenv->stored, grubenv->block, GRUBENV_SIZE);
	unescape(grubenv);
	*ret_grubenv = steal_pointer(grubenv);
	return 0;
}

void grubenv_free(struct grubenv *grubenv)
{
	free(grubenv);
}

void grubenv_freep(struct grubenv **grubenv)
{
	grubenv_free(*grubenv);
}

const char *grubenv_get(const struct grubenv *grubenv, const char *name)
{
	struct line line = {.end = SIGNATURE_LENGTH - 1};
	const char *value = NULL;

	/* GRUB sets one after another, so the last one counts. */
	while (find(grubenv->block, name, &line))
		value = grubenv->plain + line.value;
	return value;
}

/* Replace the bytes from @at up to @end with @length bytes; the padding shrinks or grows. */
static int replace(
	char block[GRUBENV_SIZE], size_t at, size_t end, const char *bytes, size_t length)
{
	size_t used = GRUBENV_SIZE; /* where the padding begins */

	while (used > end && block[used - 1] == '#')
		used--;
	if (at + length + (used - end) > GRUBENV_SIZE)
		return -ERR_FULL;
	memmove(block + at + length, block + end, used - end);
	memcpy(block + at, bytes, length);
	if (at + length < end)
		memset(block + used - (end - at - length), '#', end - at - length);
	return 0;
}

/* The end of the last line: where a new one goes. */
static size_t lines_end(const char block[GRUBENV_SIZE])
{
	struct line line = {.end = SIGNATURE_LENGTH - 1};

	while (parse_line(block, line.end + 1, &line) > 0)
		;
	return line.end + 1;
}

static bool is_name(const char *name)
{
	return *name && *name != '#' && !strpbrk(name, "=\n\\");
}

int grubenv_set(struct grubenv *grubenv, const char *name, const char *value)
{
	struct line line = {.end = SIGNATURE_LENGTH - 1}, next;
	char block[GRUBENV_SIZE], text[GRUBENV_SIZE] = "";
	size_t length = 0, at, end;
	int r;

	if (!is_name(name))
		return -EINVAL;
	memcpy(block, grubenv->block, sizeof(block));
	if (value) {
		int n = snprintf(text, sizeof(text), "%s=", name);

		if (n < 0 || (size_t)n >= sizeof(text))
			return -ERR_FULL;
		for (length = (size_t)n; *value; value++) {
			if (length + 3 > sizeof(text)) /* an escaped byte and the newline */
				return -ERR_FULL;
			if (*value == '\\' || *value == '\n')
				text[length++] = '\\';
			text[length++] = *value;
		}
		text[length++] = '\n';
	}

	/* The first line with that name is changed in place, any others with that name are
	 * removed. */
	at = end = lines_end(block);
	if (find(block, name, &line)) {
		at = line.start;
		end = line.end + 1;
		for (next = line; find(block, name, &next); next.end = next.start - 1)
			(void)replace(block, next.start, next.end + 1, "", 0);
	}
	r = replace(block, at, end, text, length);
	if (r < 0)
		return r;
	memcpy(grubenv->block, block, sizeof(block));
	unescape(grubenv);
	return 0;
}

static bool is_changed(const struct grubenv *grubenv, size_t sector)
{
	return grubenv->is_unsure[sector] ||
	       memcmp(grubenv->block + sector * SECTOR_SIZE, grubenv->stored + sector * SECTOR_SIZE,
		       SECTOR_SIZE) != 0;
}

static int write_sector(struct grubenv *grubenv, struct disk *disk, size_t sector)
{
	const char *bytes = grubenv->block + sector * SECTOR_SIZE;
	char read_back[SECTOR_SIZE];
	int r;

	if (!is_changed(grubenv, sector))
		return 0;
	grubenv->is_unsure[sector] = true;
	r = disk_write(disk, grubenv->sectors[sector], bytes, SECTOR_SIZE);
	if (r == 0)
		r = disk_flush(disk);
	if (r == 0)
		r = disk_read_medium(disk, grubenv->sectors[sector], read_back, SECTOR_SIZE);
	if (r < 0)
		return r;
	if (memcmp(bytes, read_back, SECTOR_SIZE) != 0)
		return -ERR_VERIFY;
	memcpy(grubenv->stored + sector * SECTOR_SIZE, bytes, SECTOR_SIZE);
	grubenv->is_unsure[sector] = false;
	return 0;
}

/*
 * A single sector is either old or new, whatever happens. If both change, each is flushed before
 * the other is written, and the second goes first, unless only the other order leaves a block that
 * GRUB can read if power fails between the two. With a line that straddles both sectors neither
 * order may do: then GRUB reads no variables, and the boot assessment is off until the next write.
 */
int grubenv_write(struct grubenv *grubenv, struct disk *disk)
{
	char between[GRUBENV_SIZE]; /* the block after the second sector was written */
	bool first_goes_first;
	int r;

	memcpy(between, grubenv->stored, SECTOR_SIZE);
	memcpy(between + SECTOR_SIZE, grubenv->block + SECTOR_SIZE, SECTOR_SIZE);
	first_goes_first = check(between) < 0;

	r = write_sector(grubenv, disk, first_goes_first ? 0 : 1);
	if (r < 0)
		return r;
	return write_sector(grubenv, disk, first_goes_first ? 1 : 0);
}
