/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Partitions written over other content, checked with the programs that will use them: e2fsprogs
 * and cryptsetup; and decrypted by a different library than the one that encrypted.
 */

#include "persistence/persistence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "layout/wipe.h"
#include "persistence/container.h"
#include "persistence/ext4.h"
#include "said.h"

#include <dlfcn.h>
#include <endian.h>
#include <fcntl.h>
#include <libcryptsetup.h>
#include <nettle/xts.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* Free memory as libcryptsetup is told of it: what cached files leave would be a matter of luck. */
static long free_mib = 4096;

long sysconf(int name)
{
	static long (*real)(int name);

	if (name == _SC_AVPHYS_PAGES)
		return free_mib * (MIB / 4096);
	if (!real)
		real = (long (*)(int))dlsym(RTLD_NEXT, "sysconf");
	return real(name);
}

#define START	   ((uint64_t)MIB)
#define SIZE	   (128ull * MIB)
#define DISK_SIZE  (START + SIZE + MIB)
#define DATA	   (16ull * MIB) /* of a container */
#define PASSPHRASE "correct horse battery staple"

static char folder[] = "/tmp/liveng-test-XXXXXX";
static char target[64], plain[64], shown[64 * 1024];

/* Run a shell command, with its output going to `shown`. Returns its exit code. */
__attribute__((format(printf, 1, 2))) static int run(const char *format, ...)
{
	autofree char *command = NULL, *all = NULL;
	va_list arguments;
	size_t n;
	FILE *pipe;

	va_start(arguments, format);
	assert_true(vasprintf(&command, format, arguments) > 0);
	va_end(arguments);
	assert_true(asprintf(&all, "PATH=$PATH:/usr/sbin:/sbin; exec 2>&1 </dev/null; %s",
			    command) > 0);
	pipe = popen(all, "r");
	n = fread(shown, 1, sizeof(shown) - 1, pipe);
	shown[n] = '\0';
	return pclose(pipe);
}

static void assert_shown(const char *text)
{
	if (!strstr(shown, text))
		fail_msg("\"%s\" is not in: %s", text, shown);
}

/* The number after @label. */
static unsigned long shown_number(const char *label)
{
	const char *at = strstr(shown, label);

	if (!at)
		fail_msg("\"%s\" is not in: %s", label, shown);
	return strtoul(at + strlen(label), NULL, 10);
}

/* A used disk: nothing on it is zero. */
static void fill_target(void)
{
	autoclose int fd = open(target, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	autofree uint8_t *garbage = malloc(MIB);

	memset(garbage, 0xa5, MIB);
	for (uint64_t at = 0; at < DISK_SIZE; at += MIB)
		assert_int_equal(pwrite(fd, garbage, MIB, (off_t)at), MIB);
}

static uint64_t write_persistence(const char *phrase)
{
	struct passphrase passphrase = {.size = phrase ? strlen(phrase) : 0};
	cleanup(persistence_freep) struct persistence *persistence = NULL;
	cleanup(output_freep) struct output *output = NULL;
	cleanup(disk_closep) struct disk *disk = NULL;

	memcpy(passphrase.text, phrase ? phrase : "", passphrase.size);
	assert_int_equal(persistence_build(SIZE, phrase ? &passphrase : NULL, &persistence), 0);
	assert_int_equal(disk_open(target, true, &disk), 0);
	assert_int_equal(output_new(disk, NULL, &output), 0);
	assert_int_equal(persistence_write(persistence, output, START), 0);
	assert_int_equal(output_written(output), persistence_bytes(persistence));
	assert_int_equal(wipe_edges(output, (struct extent){START, SIZE}), 0);
	return persistence_bytes(persistence);
}

static void read_target(uint64_t at, void *buffer, size_t size)
{
	autoclose int fd = open(target, O_RDONLY | O_CLOEXEC);

	assert_int_equal(pread(fd, buffer, size, (off_t)at), size);
}

static void assert_surroundings_untouched(void)
{
	uint8_t before[4096], after[4096], garbage[4096];

	memset(garbage, 0xa5, sizeof(garbage));
	read_target(START - sizeof(before), before, sizeof(before));
	read_target(START + SIZE, after, sizeof(after));
	assert_memory_equal(before, garbage, sizeof(garbage));
	assert_memory_equal(after, garbage, sizeof(garbage));
}

/* @file: as e2fsprogs take it, maybe with an offset. */
static void assert_good_ext4(const char *file)
{
	if (run("e2fsck -fn '%s'", file) != 0)
		fail_msg("%s", shown);
	assert_int_equal(run("debugfs -R 'cat /persistence.conf' '%s' 2>/dev/null", file), 0);
	assert_string_equal(shown, "/ union\n");
	assert_int_equal(run("debugfs -R 'stat /persistence.conf' '%s'", file), 0);
	assert_shown("Mode:  0644");
	assert_shown("User:     0   Group:     0");
	assert_shown("Links: 1");
	assert_int_equal(run("debugfs -R 'stat /' '%s'", file), 0);
	assert_shown("Mode:  0755");
	assert_shown("User:     0   Group:     0");
	assert_int_equal(run("dumpe2fs -h '%s'", file), 0);
	assert_shown("Filesystem volume name:   persistence\n");
	assert_shown("Block size:               4096\n");
	assert_shown("Filesystem state:         clean\n");
	assert_shown("Errors behavior:          Remount read-only\n");
}

/* Copy it to a separate file, for programs that support no offsets. */
static void take_partition(void)
{
	assert_int_equal(
		run("dd if=%s of=%s bs=1M skip=1 count=128 status=none", target, plain), 0);
}

static const char *in_target(void)
{
	static char file[128];

	snprintf(file, sizeof(file), "%s?offset=%ju", target, (uintmax_t)START);
	return file;
}

static void unencrypted_one_is_sound_over_old_content(void **state)
{
	(void)state;
	fill_target();
	assert_true(write_persistence(NULL) < 2 * MIB);
	assert_surroundings_untouched();
	assert_good_ext4(in_target());
}

static void large_one_is_no_more_work(void **state)
{
	cleanup(persistence_freep) struct persistence *persistence = NULL;

	(void)state;
	assert_int_equal(persistence_build(60000 * (uint64_t)MIB, NULL, &persistence), 0);
	assert_true(persistence_bytes(persistence) < 2 * MIB);
}

/* Opening needs this much as well: better to report it here than at boot. */
static void lack_of_memory_is_reported(void **state)
{
	const struct passphrase passphrase = {.size = 3, .text = "abc"};
	struct persistence *persistence = NULL;
	int status, old;
	pid_t pid;

	(void)state;
#ifdef __SANITIZE_ADDRESS__ /* needs more than any limit */
	skip();
#endif
	pid = fork();
	if (pid == 0) {
		const struct rlimit limit = {150 * MIB, 150 * MIB};

		setrlimit(RLIMIT_AS, &limit);
		old = begin_listening();
		status = persistence_build(SIZE, &passphrase, &persistence);
		end_listening(old);
		_exit(status == -ENOMEM && said_count == 1 && strstr(said, "512 MiB") ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Defaults of newer mke2fs would prevent older systems from mounting or checking it. */
static void features_are_those_of_older_systems(void **state)
{
	char *features;

	(void)state;
	fill_target();
	write_persistence(NULL);
	assert_int_equal(run("dumpe2fs -h '%s' 2>/dev/null | sed -n 's/^Filesystem features: *//p'",
				 in_target()),
		0);
	features = strtok(shown, "\n");
	assert_string_equal(features,
		"has_journal ext_attr dir_index filetype extent 64bit flex_bg sparse_super "
		"large_file huge_file dir_nlink extra_isize metadata_csum");
}

static void each_has_its_own_ids(void **state)
{
	char first[64];

	(void)state;
	fill_target();
	write_persistence(NULL);
	run("blkid -p -o value -s UUID -O %ju '%s'", (uintmax_t)START, target);
	snprintf(first, sizeof(first), "%.63s", shown);
	assert_int_equal(strlen(first), 37);
	write_persistence(NULL);
	run("blkid -p -o value -s UUID -O %ju '%s'", (uintmax_t)START, target);
	assert_string_not_equal(first, shown);
}

static void put(uint64_t at, const void *bytes, size_t size)
{
	autoclose int fd = open(target, O_WRONLY | O_CLOEXEC);

	assert_int_equal(pwrite(fd, bytes, size, (off_t)at), size);
}

/* Other file systems' marks at all the places where libblkid looks for them. */
static void leave_signatures(void)
{
	static const uint8_t zfs[8] = {0x0c, 0xb1, 0xba}; /* 0x00bab10c, little-endian */
	static const uint64_t labels[] = {0, 256 * 1024, SIZE - 512 * 1024, SIZE - 256 * 1024};

	put(START + 32769, "CD001", 5);		 /* ISO 9660 */
	put(START + 65536 + 52, "ReIsEr2Fs", 9); /* reiserfs */
	put(START + 65536 + 64, "_BHRfS_M", 8);	 /* btrfs */
	for (size_t i = 0; i < ARRAY_SIZE(labels); i++)
		for (uint64_t at = 128 * 1024; at < 256 * 1024; at += 1024)
			put(START + labels[i] + at, zfs, sizeof(zfs));
}

/* libblkid doubts a partition that has the marks of two kinds. */
static void assert_type(const char *type)
{
	assert_int_equal(run("blkid -p -o value -s TYPE -O %ju -S %ju '%s'", (uintmax_t)START,
				 (uintmax_t)SIZE, target),
		0);
	assert_string_equal(shown, type);
}

static void signatures_of_older_content_are_gone(void **state)
{
	(void)state;
	fill_target();
	leave_signatures();
	write_persistence(NULL);
	assert_type("ext4\n");
}

/* @n transactions that fill one block each with a letter, left in the journal as by a crash. */
static void leave_transactions(unsigned int block, unsigned int n, char letter)
{
	assert_int_equal(run("cd %s && head -c 4096 /dev/zero | tr '\\0' %c >block && { echo jo; "
			     "seq %u %u | sed 's/.*/jw -b & block/'; echo jc; } >commands && "
			     "debugfs -w -f commands '%s'",
				 folder, letter, block, block + n - 1, in_target()),
		0);
}

static uint8_t first_of_block(unsigned int block)
{
	autoclose int fd = open(plain, O_RDONLY | O_CLOEXEC);
	uint8_t c;

	assert_int_equal(pread(fd, &c, 1, block * 4096l), 1);
	return c;
}

/* An older file system's journal shows through after the end of the new one. After a crash none of
 * it may be replayed. */
static void older_journal_is_not_replayed(void **state)
{
	(void)state;
	fill_target();
	write_persistence(NULL);
	leave_transactions(20000, 20, 'o');
	write_persistence(NULL);
	/* Enough to reach a part of the journal outside the partition's first part, which is
	 * cleared. */
	leave_transactions(20100, 10, 'n');
	take_partition();
	/* 1: something was to be done. */
	if (WEXITSTATUS(run("e2fsck -fy '%s'", plain)) > 1)
		fail_msg("%s", shown);
	assert_shown("recovering journal");
	assert_int_equal(first_of_block(20109), 'n');
	for (unsigned int block = 20000; block < 20020; block++)
		assert_int_equal(first_of_block(block), 0xa5);
}

/* The target, the passphrase's volume key, and the data decrypted with nettle into `plain`. */
static void decrypt(void)
{
	autoclose int in = open(target, O_RDONLY | O_CLOEXEC), out = -1;
	autofree uint8_t *buffer = malloc(MIB);
	struct crypt_device *device;
	struct xts_aes256_key aes;
	uint8_t key[64];
	size_t size = sizeof(key);

	assert_int_equal(crypt_init(&device, plain), 0);
	assert_int_equal(crypt_load(device, CRYPT_LUKS2, NULL), 0);
	assert_true(crypt_volume_key_get(device, CRYPT_ANY_SLOT, (char *)key, &size, PASSPHRASE,
			    strlen(PASSPHRASE)) >= 0);
	crypt_free(device);
	assert_int_equal(size, sizeof(key));

	xts_aes256_set_decrypt_key(&aes, key);
	out = open(plain, O_RDWR | O_TRUNC | O_CLOEXEC);
	for (uint64_t at = 0; at < SIZE - DATA; at += MIB) {
		assert_int_equal(pread(in, buffer, MIB, (off_t)(START + DATA + at)), MIB);
		for (uint64_t i = 0; i < MIB; i += CONTAINER_SECTOR) {
			uint64_t tweak[2] = {htole64((at + i) / 512), 0};

			xts_aes256_decrypt_message(
				&aes, (uint8_t *)tweak, CONTAINER_SECTOR, buffer + i, buffer + i);
		}
		assert_int_equal(pwrite(out, buffer, MIB, (off_t)at), MIB);
	}
}

/* Cached files leave little memory free: more passes make up for it. */
static void little_free_memory_is_made_up_for(void **state)
{
	(void)state;
	fill_target();
	free_mib = 200; /* it takes half */
	write_persistence(PASSPHRASE);
	free_mib = 4096;
	take_partition();
	assert_int_equal(run("cryptsetup luksDump %s", plain), 0);
	assert_in_range(shown_number("Memory:     "), 1, 102400);
	assert_true(shown_number("Memory:     ") * shown_number("Time cost:  ") >= 4ul * 524288);
	assert_int_equal(
		run("printf '%s\\n' | cryptsetup open --test-passphrase %s", PASSPHRASE, plain), 0);
}

static void encrypted_one_opens_with_its_passphrase(void **state)
{
	(void)state;
	fill_target();
	leave_signatures();
	assert_true(write_persistence(PASSPHRASE) < DATA + 2 * MIB);
	assert_surroundings_untouched();
	assert_type("crypto_LUKS\n");
	take_partition();
	assert_int_equal(run("cryptsetup isLuks --type luks2 %s", plain), 0);
	assert_int_equal(
		run("printf '%s\\n' | cryptsetup open --test-passphrase %s", PASSPHRASE, plain), 0);
	assert_int_not_equal(
		run("printf 'something else' | cryptsetup open --test-passphrase %s", plain), 0);

	/* What it is, and that a machine of 2 GiB can open it. */
	assert_int_equal(run("cryptsetup luksDump %s", plain), 0);
	assert_shown("Version:       \t2\n");
	assert_shown("Label:         \tliveng-persistence\n");
	assert_shown("cipher: aes-xts-plain64\n");
	assert_shown("sector: 4096 [bytes]\n");
	assert_shown("offset: 16777216 [bytes]\n");
	assert_shown("length: (whole device)\n");
	assert_shown("Key:        512 bits\n");
	assert_shown("PBKDF:      argon2id\n");
	assert_int_equal(shown_number("Memory:     "), 524288);
	assert_int_equal(shown_number("Time cost:  "), 4);

	/* The initrd is checked for this before there is a header. */
	assert_string_equal(container_luks().type, "LUKS2");
	assert_string_equal(container_luks().ciphers[0], "aes-xts-plain64");

	decrypt();
	assert_good_ext4(plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unencrypted_one_is_sound_over_old_content),
		cmocka_unit_test(large_one_is_no_more_work),
		cmocka_unit_test(lack_of_memory_is_reported),
		cmocka_unit_test(features_are_those_of_older_systems),
		cmocka_unit_test(each_has_its_own_ids),
		cmocka_unit_test(signatures_of_older_content_are_gone),
		cmocka_unit_test(older_journal_is_not_replayed),
		cmocka_unit_test(little_free_memory_is_made_up_for),
		cmocka_unit_test(encrypted_one_opens_with_its_passphrase),
	};
	int r;

	if (!mkdtemp(folder))
		return 1;
	snprintf(target, sizeof(target), "%s/target", folder);
	snprintf(plain, sizeof(plain), "%s/plain", folder);
	r = cmocka_run_group_tests_name("persistence", tests, NULL, NULL);
	run("rm -r %s", folder);
	return r;
}
