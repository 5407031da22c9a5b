/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "secureboot.h"

#include <json-c/json.h>
#include <string.h>

#include "program/program.h"
#include "base/util.h"

/* Whose signatures firmware takes by itself. Of the two, old machines know the first alone, and the
 * newest may know the second alone. */
#define CA_2011 "Microsoft Corporation UEFI CA 2011"
#define CA_2023 "Microsoft UEFI CA 2023"

/* The generations that are not revoked, as far as was known when this was written: machines that
 * are up to date refuse older ones (shim, SbatLevel_Variable.txt, 2025). */
#define SHIM_GENERATION 4u
#define GRUB_GENERATION 5u

static bool is_signed_by(const struct efiprogram *program, const char *authority)
{
	char issuer[EFIPROGRAM_ISSUER];

	for (size_t i = 0; efiprogram_issuer(program, i, issuer); i++)
		if (strcmp(issuer, authority) == 0)
			return true;
	return false;
}

#define INDENT "             "

/* On which machines does the firmware start it, and does it start what follows? */
static const char *meaning(const struct loaderset *set, const struct efiprogram *kernel)
{
	const struct efiprogram *shim = &set->programs[LOADER_FIRST];
	const struct efiprogram *grub = loaderset_grub(set);
	bool old = is_signed_by(shim, CA_2011), new = is_signed_by(shim, CA_2023);

	if (set->source == LOADER_MADE)
		return "has to be switched off";
	if (!shim->vendor || !efiprogram_is_trusted_by(grub, shim))
		return "shim may refuse this GRUB: if so, enrol its key or switch it off";
	if (kernel && !efiprogram_is_trusted_by(kernel, shim))
		return "shim refuses the kernel: enrol its key or switch it off";
	if (efiprogram_generation(shim, "shim") < SHIM_GENERATION ||
		efiprogram_generation(grub, "grub") < GRUB_GENERATION)
		return "machines with up-to-date revocations refuse these old loaders";
	if (old && new)
		return "boots";
	if (old)
		return "boots, but not where only Microsoft's UEFI CA 2023 is trusted";
	if (new)
		return "boots, but not where only Microsoft's UEFI CA 2011 is trusted";
	return "boots only where the shim's authority is enrolled";
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

void secureboot_print(const struct loaderset *set, const struct efiprogram *kernel, FILE *out)
{
	if (set->programs[LOADER_GRUB].data)
		print_program("shim", &set->programs[LOADER_FIRST], "shim", out);
	print_program("GRUB", loaderset_grub(set), "grub", out);
	fprintf(out, INDENT "Secure Boot: %s\n", meaning(set, kernel));
}

static void add_program(struct json_object *object, const char *role,
	const struct efiprogram *program, const char *component)
{
	struct json_object *description = json_object_new_object();
	struct json_object *signers = json_object_new_array();
	char issuer[EFIPROGRAM_ISSUER];

	for (size_t i = 0; efiprogram_issuer(program, i, issuer); i++)
		json_object_array_add(signers, program_text(issuer));
	json_object_object_add(description, "signed_by", signers);
	json_object_object_add(description, "sbat",
		json_object_new_int((int)efiprogram_generation(program, component)));
	json_object_object_add(object, role, description);
}

void secureboot_json(
	const struct loaderset *set, const struct efiprogram *kernel, struct json_object *object)
{
	if (set->programs[LOADER_GRUB].data)
		add_program(object, "shim", &set->programs[LOADER_FIRST], "shim");
	add_program(object, "grub", loaderset_grub(set), "grub");
	json_object_object_add(object, "secure_boot", json_object_new_string(meaning(set, kernel)));
}
