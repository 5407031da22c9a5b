/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * An environment block in a FAT made by mkfs.fat and mtools, on a disk in memory that records what
 * is done to it. `grub-editenv` is the reference for what a block must look like.
 */

#include "disk/grubenv.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/util.h"

#define OFFSET	  4096u
#define SIGNATURE "# GRUB Environment Block\n"

struct disk {
	uint8_t bytes[1024 * 1024 + OFFSET];
	char journal[256]; /* "w0 f r0": sector 0 written, flushed, read past the cache */
	uint64_t sectors[2];
	int fail_at;  /* this entry of the journal fails; 0: none */
	bool is_torn; /* a write changes only half of its bytes */
};

static char folder[32] = "/tmp/liveng-grubenv-XXXXXX";

static int note(struct disk *disk, char what, uint64_t offset, size_t size)
{
	char *end = disk->journal + strlen(disk->journal);

	if (what == 'f')
		strcpy(end, "f ");
	else
		sprintf(end, "%c%d ", what, offset == disk->sectors[1]);
	if (what != 'f') {
		assert_int_equal(size, SECTOR_SIZE);
		assert_true(offset == disk->sectors[0] || offset == disk->sectors[1]);
	}
	return disk->fail_at && --disk->fail_at == 0 ? -EIO : 0;
}

static int read_bytes(const struct disk *disk, uint64_t offset, void *buffer, size_t size)
{
	assert_true(offset >= OFFSET && offset + size <= sizeof(disk->bytes));
	memcpy(buffer, disk->bytes + offset, size);
	return 0;
}

/* Only reads after a write are of interest. */
int disk_read_medium(const struct disk *disk, uint64_t offset, void *buffer, size_t size)
{
	int r = disk->journal[0] ? note((struct disk *)disk, 'r', offset, size) : 0;

	return r < 0 ? r : read_bytes(disk, offset, buffer, size);
}

int disk_write(struct disk *disk, uint64_t offset, const void *buffer, size_t size)
{
	int r = note(disk, 'w', offset, size);

	if (r == 0)
		memcpy(disk->bytes + offset, buffer, disk->is_torn ? size / 2 : size);
	return r;
}

int disk_flush(struct disk *disk)
{
	return note(disk, 'f', 0, 0);
}

/* Run a program, with its output going to @output. */
#define run(output, ...) run_argv(output, (const char *const[]){__VA_ARGS__, NULL})

static int run_argv(const char *output, const char *const argv[])
{
	int status, fd;
	pid_t pid = fork();

	if (pid == 0) {
		fd = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		dup2(fd, STDOUT_FILENO);
		dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
		setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 127);
	return WEXITSTATUS(status);
}

/* A path; valid for the next few calls. */
static const char *in_folder(const char *name)
{
	static char paths[4][64];
	static unsigned int turn;
	char *path = paths[turn++ % ARRAY_SIZE(paths)];

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

static void save(const char *name, const void *bytes, size_t size)
{
	FILE *file = fopen(in_folder(name), "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

static size_t load(const char *name, void *bytes, size_t size)
{
	FILE *file = fopen(in_folder(name), "r");
	size_t n;

	assert_non_null(file);
	n = fread(bytes, 1, size, file);
	fclose(file);
	return n;
}

/* The block as stored on the disk. */
static const char *block(const struct disk *disk)
{
	static char bytes[GRUBENV_SIZE + 1];

	for (int i = 0; i < 2; i++)
		memcpy(bytes + 512 * i, disk->bytes + disk->sectors[i], 512);
	return bytes;
}

static void put_block(struct disk *disk, const char bytes[GRUBENV_SIZE])
{
	for (int i = 0; i < 2; i++)
		memcpy(disk->bytes + disk->sectors[i], bytes + 512 * i, 512);
	disk->journal[0] = '\0';
}

/* The signature, @lines and the padding. */
static void put_lines(struct disk *disk, const char *lines)
{
	char bytes[GRUBENV_SIZE];

	memset(bytes, '#', sizeof(bytes));
	memcpy(bytes, SIGNATURE, strlen(SIGNATURE));
	memcpy(bytes + strlen(SIGNATURE), lines, strlen(lines));
	put_block(disk, bytes);
}

/* Nothing but the signature, @lines and the padding. */
static void assert_lines(const struct disk *disk, const char *lines)
{
	char expected[GRUBENV_SIZE];

	memset(expected, '#', sizeof(expected));
	memcpy(expected, SIGNATURE, strlen(SIGNATURE));
	memcpy(expected + strlen(SIGNATURE), lines, strlen(lines));
	assert_memory_equal(block(disk), expected, sizeof(expected));
}

/* As many bytes of lines as are wanted, in lines of ten. */
static const char *filler(size_t size)
{
	static char lines[GRUBENV_SIZE];

	for (size_t i = 0; i < size; i++)
		lines[i] = "filler=xy\n"[i % 10];
	lines[size] = '\0';
	if (size % 10)
		lines[size - 1] = '\n';
	return lines;
}

static struct grubenv *open_block(struct disk *disk)
{
	const struct extent esp = {OFFSET, sizeof(disk->bytes) - OFFSET};
	struct grubenv *grubenv = NULL;

	disk->journal[0] = '\0';
	assert_int_equal(grubenv_open(disk, esp, &grubenv), 0);
	return grubenv;
}

/* A stick whose two sectors of grubenv are not adjacent. */
static int set_up(void **state)
{
	struct disk *disk = calloc(1, sizeof(*disk));
	char part[64], name[64], content[GRUBENV_SIZE];

	assert_non_null(disk);
	assert_non_null(mkdtemp(strcpy(folder, "/tmp/liveng-grubenv-XXXXXX")));
	strcpy(part, in_folder("part"));
	run("/dev/null", "mkfs.fat", "-C", "-s", "1", part, "1024");
	save("x", "", 1);
	strcpy(name, in_folder("x"));
	run("/dev/null", "mmd", "-i", part, "::/boot", "::/boot/grub");
	run("/dev/null", "mcopy", "-i", part, name, "::/first");
	run("/dev/null", "mcopy", "-i", part, name, "::/second");
	run("/dev/null", "mdel", "-i", part, "::/first");
	memset(content, '1', sizeof(content));
	memset(content + 512, '2', 512);
	save("grubenv", content, sizeof(content));
	run("/dev/null", "mcopy", "-i", part, in_folder("grubenv"), "::/boot/grub/grubenv");
	assert_int_equal(load("part", disk->bytes + OFFSET, sizeof(disk->bytes) - OFFSET), 1 << 20);
	for (int i = 0; i < 2; i++) {
		uint8_t *found = memmem(disk->bytes, sizeof(disk->bytes), content + 512 * i, 512);

		assert_non_null(found);
		disk->sectors[i] = (uint64_t)(found - disk->bytes);
	}
	assert_true(disk->sectors[1] > disk->sectors[0] + 512);
	put_lines(disk, "");
	*state = disk;
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = {"part", "x", "grubenv", "block", "list", "value"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlink(in_folder(names[i]));
	rmdir(folder);
	free(*state);
	return 0;
}

static void values_are_read(void **state)
{
	struct disk *disk = *state;
	struct grubenv *grubenv;

	put_lines(
		disk, "# a comment\nliveng_tries=3\nempty=\nodd=a\\\\b\\\nc=d#e\nliveng_tries=2\n");
	grubenv = open_block(disk);
	assert_string_equal(grubenv_get(grubenv, "liveng_tries"), "2"); /* the last one counts */
	assert_string_equal(grubenv_get(grubenv, "empty"), "");
	assert_string_equal(grubenv_get(grubenv, "odd"), "a\\b\nc=d#e");
	assert_null(grubenv_get(grubenv, "c"));
	assert_null(grubenv_get(grubenv, "liveng"));
	assert_null(grubenv_get(grubenv, ""));
	grubenv_free(grubenv);
}

static void a_change_is_one_sector(void **state)
{
	struct disk *disk = *state;
	struct grubenv *grubenv;

	put_lines(disk, "a=1\n");
	grubenv = open_block(disk);
	assert_int_equal(grubenv_set(grubenv, "liveng_tries", "3"), 0);
	assert_int_equal(grubenv_set(grubenv, "liveng_previous", "1"), 0);
	assert_string_equal(disk->journal, "");
	assert_int_equal(grubenv_write(grubenv, disk), 0);
	assert_string_equal(disk->journal, "w0 f r0 ");
	assert_lines(disk, "a=1\nliveng_tries=3\nliveng_previous=1\n");

	/* Nothing changed: nothing written. */
	assert_int_equal(grubenv_set(grubenv, "liveng_tries", "3"), 0);
	assert_int_equal(grubenv_write(grubenv, disk), 0);
	assert_string_equal(disk->journal, "w0 f r0 ");
	grubenv_free(grubenv);
}

static void other_lines_stay(void **state)
{
	struct disk *disk = *state;
	struct grubenv *grubenv;

	put_lines(disk, "# WARNING\na=1\nx=1\n##\nb=\\\\\nx=2\nc=3\n");
	grubenv = open_block(disk);
	assert_int_equal(grubenv_set(grubenv, "x", "a long value"), 0);
	assert_int_equal(grubenv_write(grubenv, disk), 0);
	assert_lines(disk, "# WARNING\na=1\nx=a long value\n##\nb=\\\\\nc=3\n");
	assert_int_equal(grubenv_set(grubenv, "x", NULL), 0);
	assert_int_equal(grubenv_set(grubenv, "y", NULL), 0);
	assert_int_equal(grubenv_write(grubenv, disk), 0);
	assert_lines(disk, "# WARNING\na=1\n##\nb=\\\\\nc=3\n");
	assert_null(grubenv_get(grubenv, "x"));
	grubenv_free(grubenv);
}

static void invalid_names_are_refused(void **state)
{
	static const char *const names[] = {"", "#a", "a=b", "a\nb", "a\\"};
	struct grubenv *grubenv = open_block(*state);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(grubenv_set(grubenv, names[i], "1"), -EINVAL);
	grubenv_free(grubenv);
}

static void a_full_block_is_reported(void **state)
{
	struct disk *disk = *state;
	struct grubenv *grubenv;
	char value[2 * GRUBENV_SIZE], before[GRUBENV_SIZE];
	const size_t room = GRUBENV_SIZE - strlen(SIGNATURE) - strlen("a=\n");

	memset(value, 'v', sizeof(value));
	grubenv = open_block(disk);
	for (size_t length = room + 1; length < sizeof(value); length = length * 5 / 4) {
		value[length] = '\0';
		assert_int_equal(grubenv_set(grubenv, "a", value), -ERR_FULL);
		assert_null(grubenv_get(grubenv, "a"));
		value[length] = 'v';
	}
	value[room] = '\0';
	assert_int_equal(grubenv_set(grubenv, "a", value), 0);
	assert_string_equal(grubenv_get(grubenv, "a"), value);
	value[room / 2] = '\\'; /* needs two bytes */
	assert_int_equal(grubenv_set(grubenv, "a", value), -ERR_FULL);
	assert_int_equal(grubenv_set(grubenv, "b", ""), -ERR_FULL);
	assert_int_equal(grubenv_write(grubenv, disk), 0);
	memcpy(before, block(disk), sizeof(before));
	assert_int_equal(before[GRUBENV_SIZE - 1], '\n');
	grubenv_free(grubenv);

	grubenv = open_block(disk);
	assert_int_equal(grubenv_set(grubenv, "a", ""), 0);
	assert_int_equal(grubenv_set(grubenv, value, "1"), -EINVAL);
	value[room / 2] = 'v';
	assert_int_equal(grubenv_set(grubenv, value, "1"), -ERR_FULL);
	grubenv_free(grubenv);
}

static void what_is_not_a_block_is_refused(void **state)
{
	static const char *const lines[] = {"a line\n", "\n", "=1\n", "a\n=1\n", "a=1", "a=1\\\n",
		"# a comment without an end", "a=\\"};
	struct disk *disk = *state;
	const struct extent esp = {OFFSET, sizeof(disk->bytes) - OFFSET};
	const struct extent none = {OFFSET + 512, sizeof(disk->bytes) - OFFSET - 512};
	struct grubenv *grubenv = NULL;
	uint8_t *entry;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		put_lines(disk, lines[i]);
		assert_int_equal(grubenv_open(disk, esp, &grubenv), -ERR_DAMAGED);
	}
	put_lines(disk, "a=1\n");
	disk->bytes[disk->sectors[0]] = '!';
	assert_int_equal(grubenv_open(disk, esp, &grubenv), -ERR_DAMAGED);
	put_lines(disk, "a=1\n");
	disk->bytes[disk->sectors[1] + 100] = '\0';
	assert_int_equal(grubenv_open(disk, esp, &grubenv), -ERR_DAMAGED);
	put_lines(disk, "a=1\n");
	disk->bytes[disk->sectors[0] + strlen(SIGNATURE) + 2] = '\0';
	assert_int_equal(grubenv_open(disk, esp, &grubenv), -ERR_DAMAGED);
	put_lines(disk, "a=\\1\n");
	grubenv = open_block(disk);
	assert_string_equal(grubenv_get(grubenv, "a"), "1");
	grubenv_free(grubenv);

	/* Another size, no file, no FAT. */
	grubenv = NULL;
	entry = memmem(disk->bytes, sizeof(disk->bytes), "GRUBENV    ", 11);
	assert_non_null(entry);
	entry[28]--;
	assert_int_equal(grubenv_open(disk, esp, &grubenv), -ERR_DAMAGED);
	entry[0] = 'X';
	assert_int_equal(grubenv_open(disk, esp, &grubenv), -ENOENT);
	assert_int_equal(grubenv_open(disk, none, &grubenv), -ENOENT);
	assert_null(grubenv);
}

static int grub_editenv(const char *command, const char *argument)
{
	char path[64];

	strcpy(path, in_folder("block"));
	return run(in_folder("list"), "grub-editenv", path, command, argument);
}

/* The same changes here and by grub-editenv leave the same bytes, full blocks included. */
static void changes_are_those_of_grub_editenv(void **state)
{
	static const char *const names[] = {"a", "liveng_tries", "ab", "saved_entry"};
	struct disk *disk = *state;
	char theirs[GRUBENV_SIZE], value[400], argument[450];
	unsigned int full = 0, seed = 5;
	struct grubenv *grubenv;

	put_lines(disk, "# WARNING: do not edit\n");
	save("block", block(disk), GRUBENV_SIZE);
	grubenv = open_block(disk);
	for (int i = 0; i < 150; i++) {
		const char *name = names[(unsigned int)rand_r(&seed) % ARRAY_SIZE(names)];
		size_t length = (unsigned int)rand_r(&seed) % (i % 2 ? 8 : sizeof(value));
		int ours, r;

		for (size_t k = 0; k < length; k++)
			value[k] = "ab\\\n#= x"[(unsigned int)rand_r(&seed) % 8];
		value[length] = '\0';
		if (i % 5 == 4) {
			r = grub_editenv("unset", name);
			ours = grubenv_set(grubenv, name, NULL);
		} else {
			snprintf(argument, sizeof(argument), "%s=%s", name, value);
			r = grub_editenv("set", argument);
			ours = grubenv_set(grubenv, name, value);
		}
		assert_int_equal(ours, r ? -ERR_FULL : 0);
		full += r != 0;
		assert_int_equal(grubenv_write(grubenv, disk), 0);
		assert_int_equal(load("block", theirs, sizeof(theirs)), sizeof(theirs));
		assert_memory_equal(block(disk), theirs, sizeof(theirs));
		if (ours == 0 && i % 5 != 4)
			assert_string_equal(grubenv_get(grubenv, name), value);
		disk->journal[0] = '\0';
	}
	assert_true(full > 3);
	grubenv_free(grubenv);
}

/* What GRUB would read between the two writes: does it find the variables that do not change? */
static void check_order(struct disk *disk, const char *lines, const char *name, const char *value,
	const char *journal)
{
	static const char expected[] = "liveng_tries=3\n";
	char list[GRUBENV_SIZE];
	struct grubenv *grubenv;

	put_lines(disk, lines);
	grubenv = open_block(disk);
	assert_int_equal(grubenv_set(grubenv, name, value), 0);
	disk->fail_at = 4; /* the second write */
	assert_int_equal(grubenv_write(grubenv, disk), -EIO);
	save("block", block(disk), GRUBENV_SIZE);
	assert_int_equal(run(in_folder("list"), "grub-editenv", in_folder("block"), "list"), 0);
	list[load("list", list, sizeof(list) - 1)] = '\0';
	assert_non_null(strstr(list, expected));

	/* The second attempt writes what is missing. */
	assert_int_equal(grubenv_write(grubenv, disk), 0);
	assert_string_equal(disk->journal, journal);
	grubenv_free(grubenv);
	grubenv = open_block(disk);
	if (value)
		assert_string_equal(grubenv_get(grubenv, name), value);
	else
		assert_null(grubenv_get(grubenv, name));
	grubenv_free(grubenv);
}

static void two_sectors_are_written_one_after_the_other(void **state)
{
	char lines[GRUBENV_SIZE];

	/* A growing value pushes lines over the boundary; a removed one pulls them back. */
	snprintf(lines, sizeof(lines), "liveng_tries=3\nlong=1\n%s", filler(440));
	check_order(*state, lines, "long", "123456789012345678901234567890", "w1 f r1 w0 w0 f r0 ");
	snprintf(lines, sizeof(lines), "liveng_tries=3\n%s", filler(470));
	check_order(*state, lines, "long", "12345678901234567890", "w1 f r1 w0 w0 f r0 ");
	snprintf(lines, sizeof(lines), "liveng_tries=3\n%slong=1\n", filler(469));
	check_order(*state, lines, "long", NULL, "w0 f r0 w1 w1 f r1 ");
}

static void failures_are_told_and_mended(void **state)
{
	struct disk *disk = *state;

	for (int at = 1; at <= 3; at++) {
		struct grubenv *grubenv;

		put_lines(disk, "a=1\n");
		grubenv = open_block(disk);
		assert_int_equal(grubenv_set(grubenv, "a", "2"), 0);
		disk->fail_at = at;
		assert_int_equal(grubenv_write(grubenv, disk), -EIO);
		/* Back to what was loaded; but the content of the disk is unknown. */
		disk->journal[0] = '\0';
		assert_int_equal(grubenv_set(grubenv, "a", "1"), 0);
		assert_int_equal(grubenv_write(grubenv, disk), 0);
		assert_string_equal(disk->journal, "w0 f r0 ");
		grubenv_free(grubenv);
		grubenv = open_block(disk);
		assert_string_equal(grubenv_get(grubenv, "a"), "1");
		grubenv_free(grubenv);
	}
}

static void a_torn_write_is_reported(void **state)
{
	struct disk *disk = *state;
	char lines[GRUBENV_SIZE];
	struct grubenv *grubenv;

	snprintf(lines, sizeof(lines), "%sa=1\n", filler(300));
	put_lines(disk, lines);
	grubenv = open_block(disk);
	assert_int_equal(grubenv_set(grubenv, "a", "2"), 0);
	disk->is_torn = true;
	assert_int_equal(grubenv_write(grubenv, disk), -ERR_VERIFY);
	disk->is_torn = false;
	grubenv_free(grubenv);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(values_are_read),
		TEST(a_change_is_one_sector),
		TEST(other_lines_stay),
		TEST(invalid_names_are_refused),
		TEST(a_full_block_is_reported),
		TEST(what_is_not_a_block_is_refused),
		TEST(changes_are_those_of_grub_editenv),
		TEST(two_sectors_are_written_one_after_the_other),
		TEST(failures_are_told_and_mended),
		TEST(a_torn_write_is_reported),
	};

	return cmocka_run_group_tests_name("grubenv", tests, NULL, NULL);
}
