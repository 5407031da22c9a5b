/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "volume.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

/* After <stdint.h>, which it fails to include. */
#include <libisofs/libisofs.h>

#include "base/log.h"
#include "base/util.h"

/* A directory block is read once or twice, a Rock Ridge continuation block once for each name
 * continued there. Only folders that form a cycle are read more often than this. */
#define READS_MAX 200u

struct volume {
	const struct disk *disk;
	struct extent partition;
	struct pvd pvd;
	IsoImage *image;
	IsoDataSource *source;
	int read_error; /* of the disk, at the first block that could not be read */
	uint8_t *reads; /* of each block, while the tree is imported; else NULL */
};

static void start_libisofs(void)
{
	char queue[] = "FAILURE", print[] = "NEVER", id[] = "", abort[] = "MISHAP";

	if (iso_init() < 0)
		return;
	iso_set_msgs_severities(queue, print, id);
	/* This includes a file that can no longer be read: otherwise zeros would take its place. */
	iso_set_abort_severity(abort);
}

int volume_error(int isofs_code)
{
	char text[ISO_MSGS_MESSAGE_LEN], severity[80], minimum[] = "FAILURE";
	int code, image;

	if (isofs_code >= 0)
		return 0;
	log_debug("libisofs: %s", iso_error_to_msg(isofs_code));
	while (iso_obtain_msgs(minimum, &code, &image, text, severity) == 1)
		log_debug("libisofs: %s", text);

	switch (isofs_code) {
	case (int)ISO_OUT_OF_MEM:
		return -ENOMEM;
	case (int)ISO_THREAD_ERROR:
		return -EAGAIN;
	case (int)ISO_DATA_SOURCE_FAILURE:
	case (int)ISO_FILE_READ_ERROR:
		return -EIO;
	case (int)ISO_FILE_ACCESS_DENIED:
		return -EACCES;
	case (int)ISO_FILE_DOESNT_EXIST:
	case (int)ISO_FILE_BAD_PATH:
		return -ENOENT;
	case (int)ISO_FILE_TOO_BIG:
	case (int)ISO_FILE_OFFSET_TOO_BIG:
		return -ERR_TOO_LARGE;
	case (int)ISO_WRONG_PVD:
	case (int)ISO_WRONG_RR:
	case (int)ISO_WRONG_ECMA119:
		return -ERR_DAMAGED;
	default:
		return -ERR_ISOFS;
	}
}

/* If an import fails and this machine is not to blame, the volume is. */
static int import_error(int isofs_code)
{
	int r = volume_error(isofs_code);

	return r == 0 || r == -ENOMEM || r == -EAGAIN || r == -EIO ? r : -ERR_DAMAGED;
}

static int source_open(IsoDataSource *source)
{
	(void)source;
	return ISO_SUCCESS;
}

static int source_close(IsoDataSource *source)
{
	(void)source;
	return ISO_SUCCESS;
}

/*
 * libisofs looks for a descriptor set at PVD_LBA: show it the wanted descriptor there and nothing
 * after it. That way the tree of any session can be read, and no Joliet tree is mistaken for it.
 */
static int source_read(IsoDataSource *source, uint32_t lba, uint8_t *buffer)
{
	struct volume *volume = source->data;
	uint64_t offset = (uint64_t)lba * ISO_BLOCK;
	int r;

	if (lba == PVD_LBA) {
		memcpy(buffer, volume->pvd.block, ISO_BLOCK);
		return ISO_SUCCESS;
	}
	if (lba == PVD_LBA + 1) {
		memset(buffer, 0, ISO_BLOCK);
		pvd_terminator(buffer);
		return ISO_SUCCESS;
	}
	if (offset + ISO_BLOCK > volume->partition.size)
		return (int)ISO_WRONG_ECMA119;
	if (volume->reads && volume->reads[lba]++ == READS_MAX)
		volume->read_error = -ERR_DAMAGED;
	/* libisofs skips what it cannot read and goes on: failing every read from here on ends it
	 * sooner. */
	if (volume->reads && volume->read_error < 0)
		return (int)ISO_DATA_SOURCE_FAILURE;
	r = disk_read_medium(volume->disk, volume->partition.start + offset, buffer, ISO_BLOCK);
	if (r < 0) {
		volume->read_error = r;
		return (int)ISO_DATA_SOURCE_FAILURE;
	}
	return ISO_SUCCESS;
}

/* The data is the volume, which is freed elsewhere. */
static void source_free(IsoDataSource *source)
{
	(void)source;
}

static IsoDataSource *source_new(struct volume *volume)
{
	/* libisofs calls free() on it when the last reference is dropped. */
	IsoDataSource *source = calloc(1, sizeof(*source));

	if (!source)
		return NULL;
	source->refcount = 1;
	source->open = source_open;
	source->close = source_close;
	source->read_block = source_read;
	source->free_data = source_free;
	source->data = volume;
	return source;
}

static void free_read_opts(IsoReadOpts **options)
{
	if (*options)
		iso_read_opts_free(*options);
}

static void free_features(IsoReadImageFeatures **features)
{
	if (*features)
		iso_read_image_features_destroy(*features);
}

int volume_new_empty(const struct disk *disk, struct extent partition, const struct pvd *pvd,
	struct volume **ret_volume)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	cleanup(volume_closep) struct volume *volume = NULL;
	int code;

	pthread_once(&once, start_libisofs);
	volume = calloc(1, sizeof(*volume));
	if (!volume)
		return -ENOMEM;
	volume->disk = disk;
	volume->partition = partition;
	volume->pvd = *pvd;
	pvd_set_blocks(&volume->pvd, partition.size / ISO_BLOCK);
	code = iso_image_new(pvd->volume_id, &volume->image);
	if (code < 0)
		return volume_error(code);
	*ret_volume = steal_pointer(volume);
	return 0;
}

int volume_open(const struct disk *disk, struct extent partition, const struct pvd *pvd,
	struct volume **ret_volume)
{
	cleanup(volume_closep) struct volume *volume = NULL;
	cleanup(free_read_opts) IsoReadOpts *options = NULL;
	/* We do not need them, but libisofs 1.5.6 crashes on a NULL here. */
	cleanup(free_features) IsoReadImageFeatures *features = NULL;
	int code, r;

	/* ECMA-119 counts blocks in 32 bits. */
	partition.size = MIN(partition.size, (uint64_t)UINT32_MAX * ISO_BLOCK);
	r = volume_new_empty(disk, partition, pvd, &volume);
	if (r < 0)
		return r;
	volume->source = source_new(volume);
	if (!volume->source)
		return -ENOMEM;
	code = iso_read_opts_new(&options, 0);
	if (code < 0)
		return volume_error(code);
	iso_read_opts_set_no_aaip(options, 1);
	iso_read_opts_set_no_md5(options, 1);
	volume->reads = calloc((size_t)(partition.size / ISO_BLOCK), 1);
	if (!volume->reads)
		return -ENOMEM;
	code = iso_image_import(volume->image, volume->source, options, &features);
	free(steal_pointer(volume->reads));
	/* libisofs goes on without a directory it could not read, but then the tree is not this
	 * one. */
	if (volume->read_error < 0)
		return volume->read_error;
	r = import_error(code);
	if (r < 0)
		return r;
	*ret_volume = steal_pointer(volume);
	return 0;
}

void volume_close(struct volume *volume)
{
	if (!volume)
		return;
	if (volume->image)
		iso_image_unref(volume->image);
	if (volume->source)
		iso_data_source_unref(volume->source);
	free(volume->reads);
	free(volume);
}

void volume_closep(struct volume **volume)
{
	volume_close(*volume);
}

const struct disk *volume_disk(const struct volume *volume)
{
	return volume->disk;
}

struct extent volume_partition(const struct volume *volume)
{
	return volume->partition;
}

const struct pvd *volume_pvd(const struct volume *volume)
{
	return &volume->pvd;
}

IsoImage *volume_image(struct volume *volume)
{
	return volume->image;
}

int volume_find(const struct volume *volume, const char *path, struct volume_file *ret_file)
{
	autofree struct iso_file_section *sections = NULL;
	struct volume_file file;
	IsoNode *node;
	int code, n = 0;

	code = iso_tree_path_to_node(volume->image, path, &node);
	if (code < 0)
		return import_error(code);
	if (code == 0 || iso_node_get_type(node) != LIBISO_FILE)
		return -ENOENT;
	code = iso_file_get_old_image_sections((IsoFile *)node, &n, &sections, 0);
	if (code < 0)
		return import_error(code);
	if (code == 0)
		return -ENOENT;
	file.extent.start = n > 0 ? (uint64_t)sections[0].block * ISO_BLOCK : 0;
	file.extent.size = n > 0 ? sections[0].size : 0;
	for (int i = 1; i < n; i++) {
		if ((uint64_t)sections[i].block * ISO_BLOCK != file.extent.start + file.extent.size)
			return -ERR_TOO_LARGE;
		file.extent.size += sections[i].size;
	}
	if (file.extent.start + file.extent.size > volume->partition.size)
		return -ERR_DAMAGED;
	file.extent.start += volume->partition.start;
	file.mtime = iso_node_get_mtime(node);
	*ret_file = file;
	return 0;
}
