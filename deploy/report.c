/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "report.h"

#include "program/program.h"
#include "base/size.h"
#include "base/text.h"
#include "base/util.h"

static const struct {
	const char *name;
	const char *content;
} partitions[LAYOUT_PARTITIONS + 1] = {
	[STICK_SYSTEM] = {"system", "ISO 9660: the image's files, factory kernel"},
	[STICK_KERNEL] = {"kernel", "ISO 9660: kernel sets, in two slots"},
	[STICK_ESP] = {"esp", "FAT32: boot loaders, menu"},
	[STICK_PERSISTENCE] = {"persistence", NULL},
	[LAYOUT_BIOS] = {"bios", "GRUB for BIOS"},
};

const char *report_persistence(const struct job *job)
{
	if (job->is_kept)
		return job->is_encrypted ? "kept, encrypted" : "kept, in the clear";
	if (job->layout.partitions[STICK_PERSISTENCE].size == 0)
		return "none";
	return job->is_encrypted ? "LUKS2" : "in the clear";
}

void report_print(const struct job *job, const char *target, FILE *out)
{
	const struct plan *plan = job->plan;
	char size[SIZE_TEXT];

	fputs("target       ", out);
	text_print(out, target);
	fprintf(out, ", %s\n", size_text(job->layout.disk_size, size));
	fprintf(out, "image        %s\n", image_name(plan->image));
	fprintf(out, "kernel       %s, %s with its initrd\n", plan->set.candidate->release,
		size_text(kernelset_size(&plan->set), size));
	fputs("parameters   ", out);
	text_print(out, image_parameters(plan->image));
	if (plan->options->append) {
		fputc(' ', out);
		text_print(out, plan->options->append);
	}
	fputc('\n', out);
	for (unsigned int n = 1; n <= LAYOUT_PARTITIONS; n++) {
		const struct extent *extent = &job->layout.partitions[n];
		const char *content = partitions[n].content;

		if (extent->size == 0 || (n == LAYOUT_BIOS && plan->bios.core_size == 0))
			continue;
		fprintf(out, "partition %u  %-11s %10s  %s\n", n, partitions[n].name,
			size_text(extent->size, size), content ? content : report_persistence(job));
	}
	loaders_print(plan->loaders, out);
	if (plan->bios.core_size == 0)
		fputs("BIOS         will not boot it\n", out);
}

static void add_text(struct json_object *to, const char *name, const char *text)
{
	json_object_object_add(to, name, program_text(text));
}

void report_json(const struct job *job, struct json_object *to)
{
	const struct plan *plan = job->plan;
	struct json_object *list = json_object_new_array();

	add_text(to, "image", image_name(plan->image));
	add_text(to, "release", plan->set.candidate->release);
	add_text(to, "parameters", image_parameters(plan->image));
	add_text(to, "persistence", report_persistence(job));
	json_object_object_add(to, "bios", json_object_new_boolean(plan->bios.core_size > 0));
	json_object_object_add(to, "loaders", loaders_json(plan->loaders));
	add_text(to, "disk_uuid", job->ids.disk);
	for (unsigned int n = 1; n <= LAYOUT_PARTITIONS; n++) {
		const struct extent *extent = &job->layout.partitions[n];
		struct json_object *partition;

		if (extent->size == 0)
			continue;
		partition = json_object_new_object();
		json_object_object_add(partition, "number", json_object_new_int((int)n));
		add_text(partition, "name", partitions[n].name);
		add_text(partition, "partuuid", job->ids.partitions[n]);
		json_object_object_add(partition, "start", json_object_new_uint64(extent->start));
		json_object_object_add(partition, "size", json_object_new_uint64(extent->size));
		json_object_array_add(list, partition);
	}
	json_object_object_add(to, "partitions", list);
}
