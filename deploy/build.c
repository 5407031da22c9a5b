/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "build.h"

#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "boot/esp.h"
#include "layout/wipe.h"
#include "output/output.h"
#include "output/phases.h"
#include "slots/format.h"
#include "slots/slot.h"

#define KERNEL_LABEL "LIVENG_SYSTEM2"

/* The phases of the kernel set are livengkupd's, under different names. */
static const struct phase_names body_phases = {"writing", "verifying"};
static const struct phase_names set_phases = {"writing the kernel set", "verifying the kernel set"};
static const struct phase_names table_phases = {"writing the table", "verifying the table"};

int build_begin(
	const struct stick_plan *plan, const struct passphrase *passphrase, struct build *ret_build)
{
	const struct inputs *inputs = plan->inputs;
	const struct system_files files = inputs_packages(inputs);
	cleanup(build_clear) struct build build = {.plan = plan};
	uint64_t size = plan->layout.partitions[STICK_PERSISTENCE].size;
	int r;

	r = system_new(inputs->image, &inputs->set, &files, plan->ids.system_date, &build.system);
	if (r == 0 && size > 0 && !plan->is_kept)
		r = persistence_build(size, passphrase, &build.persistence);
	if (r < 0)
		return r;
	*ret_build = build;
	build = (struct build){0};
	return 0;
}

void build_clear(struct build *build)
{
	persistence_free(build->persistence);
	system_free(build->system);
	*build = (struct build){0};
}

/* Make sure that no table points to the old content any more; a persistence that is kept has one
 * all the time (D2, D3). */
static int begin(const struct stick_plan *plan, struct disk *disk, struct output *output,
	uint64_t *ret_offset)
{
	const struct extent kernel = plan->layout.partitions[STICK_KERNEL];
	const struct slot a = slot_get(kernel.size, SLOT_A);
	int r;

	r = plan->is_kept ? table_write(&plan->before, &plan->layout, output)
			  : wipe_disk(disk, output);
	/* The set is written elsewhere, into slot A: what is around it is read back here. */
	if (r == 0)
		r = output_zero(output, kernel.start, slot_extent(kernel, &a).start - kernel.start);
	if (r == 0)
		r = wipe_end(output, kernel);
	if (r == 0)
		r = output_flush(output);
	/* Now, because other things are written to the same places later. */
	if (r == 0 && !plan->inputs->options->no_verify)
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

static int write_set(const struct stick_plan *plan, struct disk *disk, struct output *output,
	const struct observer *observer)
{
	const struct observer named = {on_set_progress, on_set_interrupted, (void *)observer};
	const struct factoryset *set = &plan->inputs->set;
	const struct format format = {
		.label = KERNEL_LABEL,
		.date = plan->ids.kernel_date,
		.release = set->candidate->release,
		.kernel = set->kernel,
		.initrd = set->initrd,
		.kernel_sum = set->candidate->kernel_sum,
		.initrd_sum = set->candidate->initrd_sum,
		.no_verify = plan->inputs->options->no_verify,
	};
	int r;

	r = format_partition(disk, plan->layout.partitions[STICK_KERNEL], &format, &named);
	/* If a file changed, the medium is not to blame for different bytes. */
	if ((r == 0 || r == -ERR_VERIFY) && !factoryset_is_unchanged(set))
		r = -ERR_SOURCE;
	if (r == -ERR_SOURCE)
		output_set_unread(output, factoryset_sources(set));
	return r;
}

static uint64_t body_bytes(const struct build *build)
{
	const struct stick_plan *plan = build->plan;

	return plan->system_bytes + plan->esp_bytes +
	       (build->persistence ? persistence_bytes(build->persistence) : 0);
}

static uint64_t table_bytes(const struct stick_plan *plan)
{
	return LAYOUT_TABLE_PRIMARY_SIZE + LAYOUT_TABLE_BACKUP_SIZE + plan->inputs->bios.core_size;
}

/* In order. */
static void add_phases(const struct build *build, struct phases *phases)
{
	const struct stick_plan *plan = build->plan;
	const bool verify = !plan->inputs->options->no_verify;
	const uint64_t set = factoryset_size(&plan->inputs->set);

	phases_add(phases, body_phases.writing, body_bytes(build));
	phases_add(phases, set_phases.writing, set);
	if (verify) {
		phases_add(phases, set_phases.verifying, set);
		phases_add(phases, body_phases.verifying, body_bytes(build));
	}
	phases_add(phases, table_phases.writing, table_bytes(plan));
	if (verify)
		phases_add(phases, table_phases.verifying, table_bytes(plan));
}

static int write_partitions(const struct build *build, struct disk *disk, struct output *output,
	const struct observer *observer)
{
	const struct stick_plan *plan = build->plan;
	const struct extent *partitions = plan->layout.partitions;
	int r;

	output_begin(output, body_phases, body_bytes(build));
	r = system_write(build->system, output, partitions[STICK_SYSTEM]);
	if (r == 0)
		r = esp_write(output, partitions[STICK_ESP].start, plan->esp_fd,
			partitions[STICK_ESP].size);
	if (r == 0 && build->persistence)
		r = persistence_write(
			build->persistence, output, partitions[STICK_PERSISTENCE].start);
	if (r == 0)
		r = wipe_edges(output, partitions[STICK_SYSTEM]);
	if (r == 0)
		r = wipe_edges(output, partitions[STICK_ESP]);
	if (r == 0 && build->persistence)
		r = wipe_edges(output, partitions[STICK_PERSISTENCE]);
	if (r == 0)
		r = write_set(plan, disk, output, observer);
	return r == 0 ? output_flush(output) : r;
}

static int write_bios(const struct stick_plan *plan, struct output *output)
{
	const struct extent partition = plan->layout.partitions[LAYOUT_BIOS];
	const struct bios *bios = &plan->inputs->bios;
	int r = 0;

	if (bios->core_size > 0)
		r = output_write(output, partition.start, bios->core, bios->core_size);
	return r == 0 ? wipe_edges(output, partition) : r;
}

/* Everything that can fail because of the target. @ret_offset: where it does not hold what was
 * written. */
static int write_all(const struct build *build, struct disk *disk, struct output *output,
	const struct observer *observer, uint64_t *ret_offset)
{
	const struct stick_plan *plan = build->plan;
	const bool verify = !plan->inputs->options->no_verify;
	int r;

	r = begin(plan, disk, output, ret_offset);
	if (r == 0)
		r = write_partitions(build, disk, output, observer);
	if (r == 0 && verify)
		r = output_verify(output, ret_offset);
	output_begin(output, table_phases, table_bytes(plan));
	if (r == 0)
		r = write_bios(plan, output);
	if (r == 0)
		r = table_write(&plan->table, &plan->layout, output);
	if (r == 0 && verify)
		r = output_verify(output, ret_offset);
	return r;
}

/* Without a table there is no stick: nothing else that was written is found, not even by the backup
 * table. Returns a text about what the target holds now. */
static const char *take_back(const struct stick_plan *plan, struct disk *disk)
{
	const struct table *table = &plan->before;
	int r;

	r = disk_write(disk, 0, table->primary, sizeof(table->primary));
	if (r == 0)
		r = disk_write(disk, table_backup_offset(&plan->layout), table->backup,
			sizeof(table->backup));
	if (r == 0)
		r = disk_flush(disk);
	if (r < 0)
		return "its content is now undefined";
	return plan->is_kept ? "it holds its persistence, but no system: deploy again with "
			       "--keep-persistence"
			     : "it holds no system";
}

static int report_failure(
	const char *path, const char *unread, uint64_t offset, const char *left, int error)
{
	if (error == -EINTR)
		return refuse(error, "%s: interrupted: %s", path, left);
	if (error == -ERR_VERIFY && offset != UINT64_MAX)
		return refuse(error,
			"%s: does not hold what was written to it at byte %llu: the medium is "
			"worn, or smaller than it claims",
			path, (unsigned long long)offset);
	if (unread)
		return refuse(
			error, "%s: cannot read %s: %s: %s", path, unread, error_text(error), left);
	return refuse(error, "%s: cannot write to it: %s: %s", path, error_text(error), left);
}

int build_write(const struct build *build, struct disk *disk, const struct observer *observer)
{
	cleanup(output_freep) struct output *output = NULL;
	const struct stick_plan *plan = build->plan;
	const char *path = disk_path(disk);
	uint64_t offset = UINT64_MAX;
	struct observer whole;
	struct phases phases;
	int r;

	log_step("writing %s", path);
	phases_init(&phases, observer);
	add_phases(build, &phases);
	whole = phases_observer(&phases);
	r = output_new(disk, &whole, &output);
	if (r < 0)
		return r;
	r = write_all(build, disk, output, &whole, &offset);
	if (r < 0)
		return report_failure(
			path, output_unread(output), offset, take_back(plan, disk), r);
	log_debug("%s: wrote %llu bytes and %llu of the kernel set", path,
		(unsigned long long)output_written(output),
		(unsigned long long)factoryset_size(&plan->inputs->set));
	return 0;
}
