/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "ext4.h"

#include <endian.h>
#include <ext2fs/ext2fs.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/child.h"
#include "base/log.h"
#include "base/tempfile.h"
#include "base/util.h"

#define CONF_NAME "persistence.conf"
#define CONF_TEXT "/ union\n"

/* A complete list, so that no newer default of this machine gets in: live systems from Debian 9 on
 * can mount and check it. No resize_inode: it takes 4 MiB, and the kernel can grow the file system
 * without it. */
#define FEATURES                                                                          \
	"none,has_journal,ext_attr,dir_index,filetype,extent,64bit,flex_bg,sparse_super," \
	"large_file,huge_file,dir_nlink,extra_isize,metadata_csum"

/* Inode tables and journal keep the stick's old content. That is safe: the group descriptors tell
 * which inodes are in use, and the kernel clears the rest in the background after the first mount;
 * each inode has a checksum that depends on the UUID. For the journal see seed_journal(). */
#define EXTENDED "lazy_itable_init=1,lazy_journal_init=1,nodiscard,root_owner=0:0"

/* Start of the journal superblock (kernel: filesystems/ext4/journal), all big-endian. */
struct journal_super {
	uint32_t magic;		   /* 0 */
	uint32_t block_type;	   /* 4: 4 = superblock, version 2 */
	uint32_t header_sequence;  /* 8 */
	uint32_t block_size;	   /* 12 */
	uint32_t blocks;	   /* 16 */
	uint32_t first;		   /* 20: block of the log */
	uint32_t sequence;	   /* 24: of the first transaction to come */
	uint32_t start;		   /* 28: block where recovery starts; 0: nothing to recover */
	uint32_t error;		   /* 32 */
	uint32_t feature_compat;   /* 36 */
	uint32_t feature_incompat; /* 40: checksums among them */
} __attribute__((packed));
_Static_assert(sizeof(struct journal_super) == 44, "as the kernel describes it");
#define JOURNAL_MAGIC 0xc03b3998u

static void close_fs(ext2_filsys *fs)
{
	if (*fs)
		ext2fs_free(*fs);
}

/* libext2fs returns errno values or its own error numbers. */
static int report_ext2(const char *what, errcode_t error)
{
	return refuse(error > 0 && error < 256 ? -(int)error : -ERR_TOOL,
		"cannot make the persistence: %s: %s", what, error_message(error));
}

/* One inode per 16 KiB, mke2fs' default, but no more than a million of them, up to 64 GB: the
 * kernel would have to clear a gigabyte of inode tables at the first boot. */
static uint64_t bytes_per_inode(uint64_t size)
{
	uint64_t ratio = 16384;

	while (ratio < 65536 && size / ratio > 1024 * 1024)
		ratio *= 2;
	return ratio;
}

/* In MiB. A stick gains nothing from the default of a quarter of a gigabyte. */
static uint64_t journal_size(uint64_t size)
{
	return MIN(MAX(size / 64 / MIB, 4u), 64u);
}

static int run_mke2fs(const char *path, uint64_t size)
{
	char inodes[32], journal[32];
	const char *const argv[] = {"mke2fs", "-q", "-F", "-b", "4096", "-I", "256", "-i", inodes,
		"-m", "1", "-e", "remount-ro", "-L", "persistence", "-O", FEATURES, "-J", journal,
		"-E", EXTENDED, path, NULL};
	/* Ignore this machine's configuration; and write zeros instead of punching holes.
	 */
	const char *const environment[] = {"MKE2FS_CONFIG=/dev/null", "UNIX_IO_NOZEROOUT=1", NULL};

	snprintf(inodes, sizeof(inodes), "%ju", (uintmax_t)bytes_per_inode(size));
	snprintf(journal, sizeof(journal), "size=%ju", (uintmax_t)journal_size(size));
	return child_run(argv, environment, "e2fsprogs");
}

/* mke2fs -d would take the owner from a file of ours, and only root can make that owned by root. */
static errcode_t add_file(ext2_filsys fs, const char *name, const char *text)
{
	struct ext2_inode inode = {
		.i_mode = LINUX_S_IFREG | 0644, .i_links_count = 1, .i_flags = EXT4_EXTENTS_FL};
	unsigned int written;
	ext2_file_t file;
	ext2_ino_t number;
	errcode_t e, f;

	inode.i_atime = inode.i_ctime = inode.i_mtime = (uint32_t)time(NULL);
	e = ext2fs_read_bitmaps(fs);
	if (!e)
		e = ext2fs_new_inode(fs, EXT2_ROOT_INO, inode.i_mode, NULL, &number);
	if (!e)
		e = ext2fs_write_new_inode(fs, number, &inode);
	if (e)
		return e;
	ext2fs_inode_alloc_stats2(fs, number, 1, 0);
	e = ext2fs_link(fs, EXT2_ROOT_INO, name, number, EXT2_FT_REG_FILE);
	if (!e)
		e = ext2fs_file_open(fs, number, EXT2_FILE_WRITE, &file);
	if (e)
		return e;
	e = ext2fs_file_write(file, text, (unsigned int)strlen(text), &written);
	f = ext2fs_file_close(file);
	return e ? e : f;
}

/* After a crash the kernel replays a journal block by block, as long as the transaction numbers
 * increase by one. All journals begin at 1: old journal content after the end of the new one could
 * seem to continue it. Beginning at a random number reduces that chance to one in 2^29 without
 * overwriting the whole journal. */
static errcode_t seed_journal(ext2_filsys fs)
{
	autofree uint8_t *block = malloc(fs->blocksize);
	struct journal_super *super = (struct journal_super *)block;
	uint32_t sequence;
	errcode_t e;
	blk64_t at;

	if (!block)
		return ENOMEM;
	if (getrandom(&sequence, sizeof(sequence), 0) != sizeof(sequence))
		return EIO;
	sequence = (sequence & 0x1fffffffu) | 0x20000000u;
	e = ext2fs_bmap2(fs, fs->super->s_journal_inum, NULL, NULL, 0, 0, NULL, &at);
	if (!e)
		e = io_channel_read_blk64(fs->io, at, 1, block);
	if (e)
		return e;
	if (be32toh(super->magic) != JOURNAL_MAGIC || super->start != 0 ||
		super->feature_compat != 0 || super->feature_incompat != 0)
		return ENOTSUP; /* it might have its own checksum */
	super->sequence = htobe32(sequence);
	return io_channel_write_blk64(fs->io, at, 1, block);
}

static int fill(const char *path)
{
	cleanup(close_fs) ext2_filsys fs = NULL;
	errcode_t e;

	e = ext2fs_open(path, EXT2_FLAG_RW | EXT2_FLAG_64BITS, 0, 0, unix_io_manager, &fs);
	if (e)
		return report_ext2("the output of mke2fs", e);
	e = seed_journal(fs);
	if (e)
		return report_ext2("its journal", e);
	e = add_file(fs, CONF_NAME, CONF_TEXT);
	if (!e)
		e = ext2fs_close_free(&fs);
	if (e)
		return report_ext2(CONF_NAME, e);
	return 0;
}

int ext4_build(uint64_t size, int *ret_fd)
{
	autoclose int fd = -1;
	char path[64];
	int r;

	r = tempfile_in_memory(size, &fd);
	if (r < 0)
		return report(r, "cannot make a file of %ju bytes in memory", (uintmax_t)size);
	tempfile_path(fd, path);
	r = run_mke2fs(path, size);
	if (r == 0)
		r = fill(path);
	if (r == 0)
		*ret_fd = steal_fd(&fd);
	return r;
}
