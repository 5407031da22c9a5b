/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "secureboot.h"

#include <string.h>

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

const char *secureboot_meaning(const struct loaderset *set, const struct efiprogram *kernel)
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
