/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "report.h"

#include "base/size.h"
#include "base/text.h"
#include "base/util.h"
#include "boot/secureboot.h"
#include "program/json.h"

#define INDENT "             "

static const struct {
	const char *name, *text;
} sources[] = {
	[LOADER_IMAGE] = {"image", "the image's own loaders"},
	[LOADER_HOST] = {"host", "signed loaders of this machine's packages"},
	[LOADER_MADE] = {"made", "a GRUB made here"},
};

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

const char *report_persistence(const struct stick_plan *plan)
{
	if (plan->is_kept)
		return plan->is_encrypted ? "kept, encrypted" : "kept, in the clear";
	if (plan->layout.partitions[STICK_PERSISTENCE].size == 0)
		return "none";
	return plan->is_encrypted ? "LUKS2" : "in the clear";
}

static void print_program(
	const char *role, const struct efiprogram *program, const char *component, FILE *out)
{
	unsigned int generation = efiprogram_generation(program, component);
	char issuer[EFIPROGRAM_ISSUER];

	fprintf(out, INDENT "%s: ", role);
	if (generation)
		fprintf(out, "SBAT %s %u, ", component, generation);
	if (!efiprogram_issuer(program, 0, issuer))
		fputs("not signed", out);
	for (size_t i = 0; efiprogram_issuer(program, i, issuer); i++)
		fprintf(out, "%s%s", i ? " and " : "signed by ", issuer);
	fputc('\n', out);
}

static void print_secureboot(
	const struct loaderset *set, const struct efiprogram *kernel, FILE *out)
{
	if (set->programs[LOADER_GRUB].data)
		print_program("shim", &set->programs[LOADER_FIRST], "shim", out);
	print_program("GRUB", loaderset_grub(set), "grub", out);
	fprintf(out, INDENT "Secure Boot: %s\n", secureboot_meaning(set, kernel));
}

static void print_loaders(const struct loaders *loaders, FILE *out)
{
	for (size_t i = 0; i < loaders->count; i++) {
		const struct loaderset *set = &loaders->sets[i];

		fprintf(out, "%-12s %s%s\n", set->firmware->platform, sources[set->source].text,
			set->firmware->note);
		print_secureboot(set, &loaders->kernel, out);
	}
}

void report_print(const struct stick_plan *plan, const char *target, FILE *out)
{
	const struct inputs *inputs = plan->inputs;
	char size[SIZE_TEXT];

	fputs("target       ", out);
	text_print(out, target);
	fprintf(out, ", %s\n", size_text(plan->layout.disk_size, size));
	fprintf(out, "image        %s\n", image_name(inputs->image));
	fprintf(out, "kernel       %s, %s with its initrd\n", inputs->set.candidate->release,
		size_text(factoryset_size(&inputs->set), size));
	fputs("parameters   ", out);
	text_print(out, image_parameters(inputs->image));
	if (*inputs->settings.parameters)
		fprintf(out, " %s", inputs->settings.parameters);
	if (inputs->options->append) {
		fputc(' ', out);
		text_print(out, inputs->options->append);
	}
	fputc('\n', out);
	if (inputs->added.has_keymap)
		fprintf(out, "keyboard     %s%s%s, for the passphrase\n",
			inputs->settings.keyboard.layout,
			inputs->settings.keyboard.variant[0] ? ":" : "",
			inputs->settings.keyboard.variant);
	for (size_t i = 0; i < inputs->added.packages.n; i++) {
		fprintf(out, "%-12s ", i == 0 ? "first boot" : "");
		text_print(out, inputs->added.packages.names[i]);
		fputc('\n', out);
	}
	for (unsigned int n = 1; n <= LAYOUT_PARTITIONS; n++) {
		const struct extent *extent = &plan->layout.partitions[n];
		const char *content = partitions[n].content;

		if (extent->size == 0 || (n == LAYOUT_BIOS && inputs->bios.core_size == 0))
			continue;
		fprintf(out, "partition %u  %-11s %10s  %s\n", n, partitions[n].name,
			size_text(extent->size, size),
			content ? content : report_persistence(plan));
	}
	print_loaders(inputs->loaders, out);
	if (inputs->bios.core_size == 0)
		fputs("BIOS         will not boot it\n", out);
}

static void add_text(struct json_object *to, const char *name, const char *text)
{
	json_object_object_add(to, name, json_text(text));
}

static void add_program(struct json_object *object, const char *role,
	const struct efiprogram *program, const char *component)
{
	struct json_object *description = json_object_new_object();
	struct json_object *signers = json_object_new_array();
	char issuer[EFIPROGRAM_ISSUER];

	for (size_t i = 0; efiprogram_issuer(program, i, issuer); i++)
		json_object_array_add(signers, json_text(issuer));
	json_object_object_add(description, "signed_by", signers);
	json_object_object_add(description, "sbat",
		json_object_new_int((int)efiprogram_generation(program, component)));
	json_object_object_add(object, role, description);
}

static void add_secureboot(
	const struct loaderset *set, const struct efiprogram *kernel, struct json_object *object)
{
	if (set->programs[LOADER_GRUB].data)
		add_program(object, "shim", &set->programs[LOADER_FIRST], "shim");
	add_program(object, "grub", loaderset_grub(set), "grub");
	json_object_object_add(
		object, "secure_boot", json_object_new_string(secureboot_meaning(set, kernel)));
}

static struct json_object *loaders_json(const struct loaders *loaders)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; list && i < loaders->count; i++) {
		const struct loaderset *set = &loaders->sets[i];
		struct json_object *object = json_object_new_object();

		json_object_object_add(
			object, "firmware", json_object_new_string(set->firmware->platform));
		json_object_object_add(
			object, "source", json_object_new_string(sources[set->source].name));
		add_secureboot(set, &loaders->kernel, object);
		json_object_array_add(list, object);
	}
	return list;
}

struct json_object *report_contents_json(const struct contents *contents)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < contents->n; i++) {
		const struct contents_partition *partition = &contents->partitions[i];
		struct json_object *object = json_object_new_object();

		json_object_object_add(
			object, "number", json_object_new_int((int)partition->number));
		json_object_object_add(object, "size", json_object_new_uint64(partition->size));
		json_add_text(object, "name", partition->name);
		json_add_text(object, "type", partition->identity.type);
		json_add_text(object, "label", partition->identity.label);
		json_object_array_add(list, object);
	}
	return list;
}

static struct json_object *packages_json(const struct stickpackages *packages)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < packages->n; i++)
		json_object_array_add(list, json_text(packages->names[i]));
	return list;
}

void report_json(const struct stick_plan *plan, struct json_object *to)
{
	const struct inputs *inputs = plan->inputs;
	struct json_object *list = json_object_new_array();

	add_text(to, "image", image_name(inputs->image));
	add_text(to, "release", inputs->set.candidate->release);
	add_text(to, "parameters", image_parameters(inputs->image));
	add_text(to, "settings", inputs->settings.parameters);
	add_text(to, "persistence", report_persistence(plan));
	json_object_object_add(to, "packages", packages_json(&inputs->added.packages));
	json_object_object_add(to, "bios", json_object_new_boolean(inputs->bios.core_size > 0));
	json_object_object_add(to, "loaders", loaders_json(inputs->loaders));
	add_text(to, "disk_uuid", plan->ids.disk);
	for (unsigned int n = 1; n <= LAYOUT_PARTITIONS; n++) {
		const struct extent *extent = &plan->layout.partitions[n];
		struct json_object *partition;

		if (extent->size == 0)
			continue;
		partition = json_object_new_object();
		json_object_object_add(partition, "number", json_object_new_int((int)n));
		add_text(partition, "name", partitions[n].name);
		add_text(partition, "partuuid", plan->ids.partitions[n]);
		json_object_object_add(partition, "start", json_object_new_uint64(extent->start));
		json_object_object_add(partition, "size", json_object_new_uint64(extent->size));
		json_object_array_add(list, partition);
	}
	json_object_object_add(to, "partitions", list);
}
