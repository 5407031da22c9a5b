/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "plan.h"

#include <string.h>

#include "boot/esp.h"
#include "slots/format.h"
#include "base/log.h"
#include "boot/menu.h"
#include "base/size.h"
#include "slots/slot.h"
#include "output/phases.h"
#include "base/text.h"
#include "base/util.h"
#include "layout/wipe.h"

#define KERNEL_LABEL "LIVENG_SYSTEM2"

/* The kernel set's are those of livengkupd, under names of their own. */
static const struct output_phases body_phases = {"writing", "verifying"};
static const struct output_phases set_phases = {
	"writing the kernel set", "verifying the kernel set"};
static const struct output_phases table_phases = {"writing the table", "verifying the table"};

/* With --keep-persistence. */
static int find_kept(struct job *job, const char *path, uint64_t size)
{
	cleanup(disk_closep) struct disk *disk = NULL;
	struct kept kept;
	char text[SIZE_TEXT];
	uint64_t needed;
	int r;

	if (job->plan->options->persistence != PERSISTENCE_KEPT)
		return 0;
	r = disk_open(path, false, &disk);
	if (r == -ENOENT) {
		log_error("%s: is not there yet: it has no persistence that could be kept", path);
		return -ERR_NOT_STICK;
	}
	if (r < 0) {
		errno = -r;
		log_error("%s: %m", path);
		return r;
	}
	r = kept_read(disk, &kept);
	if (r < 0)
		return r;
	needed = kept.extent.start + kept.extent.size + TABLE_BACKUP_SIZE;
	if (needed > size) {
		log_error("%s: its persistence does not fit into that --size: give --size %s", path,
			size_option(needed, text));
		return -ERR_NO_ROOM;
	}
	job->is_kept = true;
	job->is_encrypted = kept.is_encrypted;
	job->kept = kept;
	memcpy(job->ids.partitions[STICK_PERSISTENCE], kept.uuid, sizeof(kept.uuid));
	return job->is_encrypted ? plan_check_set(job->plan, &kept.luks, NULL) : 0;
}

int job_check_kept(const struct job *job, const struct disk *disk)
{
	struct kept kept;
	int r;

	if (!job->is_kept)
		return 0;
	r = kept_read(disk, &kept);
	if (r < 0 || kept_is_same(&kept, &job->kept))
		return r;
	log_error("%s: its persistence is not the one any more that was looked at: nothing was "
		  "written, start again",
		disk_path(disk));
	return -ERR_REFUSED;
}

static int make_system(const struct job *job, struct system **ret_system)
{
	const struct plan *plan = job->plan;

	return system_new(plan->image, &plan->set, job->ids.system_date, ret_system);
}

static int make_layout(struct job *job, const char *path, uint64_t size)
{
	cleanup(system_freep) struct system *system = NULL;
	const struct plan *plan = job->plan;
	struct layout_wish wish = {
		.disk_size = size,
		.set_size = kernelset_size(&plan->set),
		.kernel_size = plan->options->kernel_size,
		.persistence = plan->options->persistence != PERSISTENCE_NONE,
		.kept = job->kept.extent,
	};
	char needs[SIZE_TEXT], has[SIZE_TEXT];
	uint64_t needed = 0;
	int r;

	/* Only for its size: it has a thread, and that does not follow into other processes. */
	r = make_system(job, &system);
	if (r < 0)
		return r;
	wish.system_size = system_size(system);
	job->system_bytes = system_bytes(system);
	r = layout_make(&wish, &job->layout, &needed);
	if (r == -ERR_NO_ROOM)
		size_texts(needed, job->is_kept ? job->kept.extent.start : size, needs, has);
	if (r == -ERR_NO_ROOM && job->is_kept)
		log_error("%s: the new system needs %s ahead of the persistence, there are %s: "
			  "give it a smaller --kernel-size, or deploy without --keep-persistence",
			path, needs, has);
	else if (r == -ERR_NO_ROOM)
		log_error("%s: has %s, the image needs %s", path, has, needs);
	return r;
}

static int make_tables(struct job *job)
{
	const struct bios *bios = &job->plan->bios;
	struct layout only = {.disk_size = job->layout.disk_size};
	int r = 0;

	only.partitions[STICK_PERSISTENCE] = job->layout.partitions[STICK_PERSISTENCE];
	if (job->is_kept)
		r = table_make(&only, &job->ids, &job->before);
	if (r == 0)
		r = table_make(&job->layout, &job->ids, &job->table);
	if (r == 0 && bios->core_size > 0)
		memcpy(job->table.primary, bios->boot, sizeof(bios->boot));
	return r;
}

static int make_boot(struct job *job)
{
	const struct plan *plan = job->plan;
	autofree char *text = NULL;
	const struct menu menu = {
		.name = image_name(plan->image),
		.release = plan->set.candidate->release,
		.system_partuuid = job->ids.partitions[STICK_SYSTEM],
		.parameters = image_parameters(plan->image),
		.append = plan->options->append,
		.console = plan->options->console,
		.persistence = plan->options->persistence != PERSISTENCE_NONE,
		.encrypted = job->is_encrypted,
	};
	int r;

	r = menu_text(&menu, &text);
	if (r == 0)
		r = esp_build(plan->loaders, text, LAYOUT_ESP_SIZE, job->ids.esp, &job->esp_fd);
	if (r == 0)
		r = esp_bytes(job->esp_fd, LAYOUT_ESP_SIZE, &job->esp_bytes);
	return r;
}

int job_make(const struct plan *plan, const char *path, uint64_t size, bool encrypted,
	struct job *ret_job)
{
	cleanup(job_clear) struct job job = {.plan = plan, .esp_fd = -1, .is_encrypted = encrypted};
	int r;

	ids_make(&job.ids);
	r = find_kept(&job, path, size);
	if (r == 0)
		r = make_layout(&job, path, size);
	if (r == 0)
		r = make_tables(&job);
	if (r == 0)
		r = make_boot(&job);
	if (r < 0)
		return r;
	*ret_job = job;
	job = (struct job){.esp_fd = -1};
	return 0;
}

int job_prepare(struct job *job, const struct passphrase *passphrase)
{
	uint64_t size = job->layout.partitions[STICK_PERSISTENCE].size;
	int r;

	r = make_system(job, &job->system);
	if (r == 0 && size > 0 && !job->is_kept)
		r = persistence_build(size, passphrase, &job->persistence);
	return r;
}

void job_clear(struct job *job)
{
	persistence_free(job->persistence);
	system_free(job->system);
	close_fd(&job->esp_fd);
	*job = (struct job){.esp_fd = -1};
}

/* No table leads to what was there any more; a persistence that stays has one all along. */
static int begin(
	const struct job *job, struct disk *disk, struct output *output, uint64_t *ret_offset)
{
	const struct extent kernel = job->layout.partitions[STICK_KERNEL];
	const struct slot a = slot_get(kernel.size, SLOT_A);
	int r;

	r = job->is_kept ? table_write(&job->before, &job->layout, output)
			 : wipe_disk(disk, output);
	/* The set goes by another way, into slot A: what is around that is read back here. */
	if (r == 0)
		r = output_zero(output, kernel.start, slot_extent(kernel, &a).start - kernel.start);
	if (r == 0)
		r = wipe_end(output, kernel);
	if (r == 0)
		r = output_flush(output);
	/* Now, as other things are written to the same places later. */
	if (r == 0 && !job->plan->options->no_verify)
		r = output_verify(output, ret_offset);
	output_forget(output);
	return r;
}

static void on_set_progress(void *data, const char *phase, uint64_t done, uint64_t total)
{
	observer_progress(data,
		strcmp(phase, "writing") == 0 ? set_phases.writing : set_phases.verifying, done,
		total);
}

static bool on_set_interrupted(void *data)
{
	return observer_interrupted(data);
}

static int write_set(const struct job *job, struct disk *disk, struct output *output,
	const struct observer *observer)
{
	const struct observer named = {on_set_progress, on_set_interrupted, (void *)observer};
	const struct kernelset *set = &job->plan->set;
	const struct format format = {
		.label = KERNEL_LABEL,
		.date = job->ids.kernel_date,
		.release = set->candidate->release,
		.kernel = set->kernel,
		.initrd = set->initrd,
		.kernel_sum = set->candidate->kernel_sum,
		.initrd_sum = set->candidate->initrd_sum,
		.no_verify = job->plan->options->no_verify,
	};
	int r;

	r = format_partition(disk, job->layout.partitions[STICK_KERNEL], &format, &named);
	/* Then it is not the medium that has other bytes. */
	if ((r == 0 || r == -ERR_VERIFY) && !kernelset_is_unchanged(set))
		r = -ERR_SOURCE;
	if (r == -ERR_SOURCE)
		output_set_unread(output, kernelset_sources(set));
	return r;
}

static uint64_t body_bytes(const struct job *job)
{
	return job->system_bytes + job->esp_bytes +
	       (job->persistence ? persistence_bytes(job->persistence) : 0);
}

static uint64_t table_bytes(const struct job *job)
{
	return TABLE_PRIMARY_SIZE + TABLE_BACKUP_SIZE + job->plan->bios.core_size;
}

/* In their order. */
static void add_phases(const struct job *job, struct tally *tally)
{
	const bool verify = !job->plan->options->no_verify;
	const uint64_t set = kernelset_size(&job->plan->set);

	tally_add(tally, body_phases.writing, body_bytes(job));
	tally_add(tally, set_phases.writing, set);
	if (verify) {
		tally_add(tally, set_phases.verifying, set);
		tally_add(tally, body_phases.verifying, body_bytes(job));
	}
	tally_add(tally, table_phases.writing, table_bytes(job));
	if (verify)
		tally_add(tally, table_phases.verifying, table_bytes(job));
}

static int write_partitions(const struct job *job, struct disk *disk, struct output *output,
	const struct observer *observer)
{
	const struct extent *partitions = job->layout.partitions;
	int r;

	output_begin(output, body_phases, body_bytes(job));
	r = system_write(job->system, output, partitions[STICK_SYSTEM]);
	if (r == 0)
		r = esp_write(output, partitions[STICK_ESP].start, job->esp_fd,
			partitions[STICK_ESP].size);
	if (r == 0 && job->persistence)
		r = persistence_write(
			job->persistence, output, partitions[STICK_PERSISTENCE].start);
	if (r == 0)
		r = wipe_edges(output, partitions[STICK_SYSTEM]);
	if (r == 0)
		r = wipe_edges(output, partitions[STICK_ESP]);
	if (r == 0 && job->persistence)
		r = wipe_edges(output, partitions[STICK_PERSISTENCE]);
	if (r == 0)
		r = write_set(job, disk, output, observer);
	return r == 0 ? output_flush(output) : r;
}

static int write_bios(const struct job *job, struct output *output)
{
	const struct extent partition = job->layout.partitions[LAYOUT_BIOS];
	const struct bios *bios = &job->plan->bios;
	int r = 0;

	if (bios->core_size > 0)
		r = output_write(output, partition.start, bios->core, bios->core_size);
	return r == 0 ? wipe_edges(output, partition) : r;
}

/* All that can fail for the disk's sake. */
static int write_all(const struct job *job, struct disk *disk, struct output *output,
	const struct observer *observer, uint64_t *ret_offset)
{
	const bool verify = !job->plan->options->no_verify;
	int r;

	r = begin(job, disk, output, ret_offset);
	if (r == 0)
		r = write_partitions(job, disk, output, observer);
	if (r == 0 && verify)
		r = output_verify(output, ret_offset);
	output_begin(output, table_phases, table_bytes(job));
	if (r == 0)
		r = write_bios(job, output);
	if (r == 0)
		r = table_write(&job->table, &job->layout, output);
	if (r == 0 && verify)
		r = output_verify(output, ret_offset);
	return r;
}

/* No table, no stick: whatever else was written is not found, by the table at the end neither. */
static int take_back(const struct job *job, struct disk *disk)
{
	const struct table *table = &job->before;
	int r;

	r = disk_write(disk, 0, table->primary, sizeof(table->primary));
	if (r == 0)
		r = disk_write(disk, table_backup_offset(&job->layout), table->backup,
			sizeof(table->backup));
	return r == 0 ? disk_flush(disk) : r;
}

int job_write(const struct job *job, struct disk *disk, const struct observer *observer)
{
	cleanup(output_freep) struct output *output = NULL;
	const char *path = disk_path(disk), *left = "it holds no system", *unread;
	uint64_t offset = UINT64_MAX;
	struct observer whole;
	struct tally tally;
	int r;

	tally_init(&tally, observer);
	add_phases(job, &tally);
	whole = tally_observer(&tally);
	r = output_new(disk, &whole, &output);
	if (r < 0)
		return r;
	r = write_all(job, disk, output, &whole, &offset);
	if (r == 0) {
		log_debug("%s: wrote %llu bytes and %llu of the kernel set", path,
			(unsigned long long)output_written(output),
			(unsigned long long)kernelset_size(&job->plan->set));
		return 0;
	}
	unread = output_unread(output);
	if (take_back(job, disk) < 0)
		left = "what it holds cannot be told";
	else if (job->is_kept)
		left = "it holds its persistence, but no system: deploy again, with "
		       "--keep-persistence";
	if (r == -EINTR) {
		log_error("%s: interrupted: %s", path, left);
	} else if (r == -ERR_VERIFY && offset != UINT64_MAX) {
		log_error("%s: does not hold what was written to it, at byte %llu: the medium is "
			  "worn, or not as large as it says",
			path, (unsigned long long)offset);
	} else {
		log_error("%s: cannot %s %s: %s: %s", path, unread ? "read" : "write",
			unread ?: "it",
			r == -ERR_SOURCE ? "it changed, or can no longer be read" : text_error(r),
			left);
	}
	return r;
}
