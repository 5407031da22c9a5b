/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "secureboot.h"

#include <string.h>

/* The authorities that firmware trusts out of the box. Old machines know only the first, and the
 * newest may know only the second. */
#define CA_2011 "Microsoft Corporation UEFI CA 2011"
#define CA_2023 "Microsoft UEFI CA 2023"

/* The oldest generations not revoked at the time of writing: up-to-date machines refuse older ones
 * (shim, SbatLevel_Variable.txt, 2025). */
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
		return "must be turned off";
	if (!shim->vendor || !efiprogram_is_trusted_by(grub, shim))
		return "shim may refuse this GRUB: if so, enrol its key or turn Secure Boot off";
	if (kernel && !efiprogram_is_trusted_by(kernel, shim))
		return "shim refuses the kernel: enrol its key or turn Secure Boot off";
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
