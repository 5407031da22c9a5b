/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "outlook.h"

#include <string.h>

#include "candidate/installed.h"
#include "plan.h"
#include "iso/session.h"
#include "base/size.h"
#include "base/util.h"

static bool has_sizes_of(
	const struct set *set, const struct stat *kernel, const struct stat *initrd)
{
	return set->kernel.extent.size == (uint64_t)kernel->st_size &&
	       set->initrd.extent.size == (uint64_t)initrd->st_size;
}

static bool has_room(
	const struct stick *stick, const struct slot *slot, const struct set *base, uint64_t needed)
{
	const struct extent place = slot_extent(stick_kernel(stick), slot);

	return needed <= place.size && !(base && set_touches(base, place));
}

const char *outlook_describe(const struct run *run, const struct stick *stick,
	const struct inventory *inventory, char *text, size_t size)
{
	const struct set *keep = inventory_to_keep(inventory, stick);
	const struct slot slot = slot_get(
		stick_kernel(stick).size, keep ? inventory->slot : slot_other(inventory->slot));
	const struct set *current = inventory->has_current ? &inventory->current : NULL;
	const struct set *base = keep ? keep : current;
	const char *root = run->options->root, *rebuilt = "";
	char needs[SIZE_TEXT];
	char release[KERNEL_RELEASE_MAX];
	struct stat kernel, initrd;
	uint64_t needed;

	if (installed_newest(root, NULL, release) < 0) {
		/* Of a stick that is named this computer is not what it is the system of. */
		if (run->options->target != STICK_RUNNING && !root[0])
			snprintf(text, size,
				"slot %s (this computer has no kernel in /boot: --root names another "
				"system)",
				slot.name);
		else
			snprintf(text, size, "slot %s (no kernel in %s/boot)", slot.name, root);
		return "no-kernel";
	}
	if (installed_look(root, release, &kernel, &initrd) < 0) {
		snprintf(text, size, "slot %s (%s has no initrd)", slot.name, release);
		return "no-initrd";
	}
	if (current && strcmp(release, current->release) == 0) {
		if (has_sizes_of(current, &kernel, &initrd)) {
			snprintf(text, size,
				"slot %s (the newest installed release, %s, is current%s)",
				slot.name, release,
				current->initrd.mtime == initrd.st_mtime
					? ""
					: ", unless rebuilt to the same size");
			return "current";
		}
		rebuilt = ", rebuilt";
	}
	needed = (uint64_t)kernel.st_size + (uint64_t)initrd.st_size + SESSION_OVERHEAD;
	if (has_room(stick, &slot, base, needed)) {
		snprintf(text, size, "slot %s, with %s%s", slot.name, release, rebuilt);
		return "write";
	}
	snprintf(text, size, "no room in slot %s for %s%s, %s", slot.name, release, rebuilt,
		size_text(needed, needs));
	return "no-room";
}
