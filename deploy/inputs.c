/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "inputs.h"

#include <string.h>

#include "persistence/container.h"
#include "layout/layout.h"
#include "base/log.h"
#include "base/size.h"
#include "slots/slot.h"
#include "base/util.h"

#define TREE_SIZE      (4ull * MIB) /* more than the new tree of partition 1 takes */
#define PARAMETERS_MAX 1536u	    /* bytes; the kernel takes 2047 */

int plan_check_set(
	const struct plan *plan, const struct luks *luks, const struct observer *observer)
{
	/* No host: the stick will boot on other machines than this one. */
	return candidate_check(plan->set.candidate, NULL, luks, observer);
}

/* Kernels cut a longer command line off; the stick's own parameters need some room, too. */
static int check_parameters(const struct plan *plan)
{
	const char *append = plan->options->append ?: "", *console = plan->options->console ?: "";
	const char *of_image = image_parameters(plan->image);

	if (strlen(of_image) + strlen(append) + strlen(console) <= PARAMETERS_MAX)
		return 0;
	log_error(
		"%s: the kernel parameters are too long: %zu bytes of the image's menu, %zu more, %u are possible",
		image_path(plan->image), strlen(of_image), strlen(append) + strlen(console),
		PARAMETERS_MAX);
	return -ERR_REFUSED;
}

/* A partition that holds no second set could never be updated. */
static int check_kernel_size(const struct plan *plan)
{
	const uint64_t set = kernelset_size(&plan->set) + LAYOUT_SESSION_SIZE;
	const uint64_t size = ROUND_UP(plan->options->kernel_size, MIB);
	char has[SIZE_TEXT], each[SIZE_TEXT], enough[SIZE_TEXT];

	if (size == 0 || slot_get(size, SLOT_B).blocks >= set / ISO_BLOCK)
		return 0;
	log_error("--kernel-size: %s do not hold two kernel sets of %s each: give it %s",
		size_text(size, has), size_text(set, each), size_option(3 * set, enough));
	return -ERR_NO_ROOM;
}

int plan_make(const struct options *options, bool encrypted, const struct observer *observer,
	struct plan *ret_plan)
{
	cleanup(plan_clear) struct plan plan = {.options = options};
	const struct luks luks = container_luks();
	int r;

	r = image_open(options->image, &plan.image);
	if (r == 0)
		r = kernelset_open(plan.image, options->kernel, options->initrd, &plan.set);
	/* This takes the longest, by another program: beside all that follows. */
	if (r == 0 && plan.set.is_for_pc)
		r = bios_begin(&plan.bios);
	if (r == 0)
		r = kernelset_digest(&plan.set, observer);
	if (r == 0)
		r = plan_check_set(&plan, encrypted ? &luks : NULL, observer);
	if (r == 0)
		r = check_kernel_size(&plan);
	if (r == 0)
		r = check_parameters(&plan);
	if (r == 0)
		r = loaders_choose(plan.image, &plan.set.kernel, options->preloader, &plan.loaders);
	if (r == 0)
		r = bios_finish(&plan.bios);
	if (r < 0)
		return r;
	*ret_plan = plan;
	plan = (struct plan){0};
	return 0;
}

void plan_clear(struct plan *plan)
{
	bios_clear(&plan->bios);
	loaders_free(plan->loaders);
	kernelset_close(&plan->set);
	image_close(plan->image);
	*plan = (struct plan){0};
}

uint64_t plan_needed(const struct plan *plan)
{
	struct layout_wish wish = {
		.system_size = volume_partition(image_volume(plan->image)).size + TREE_SIZE,
		.set_size = kernelset_size(&plan->set),
		.kernel_size = plan->options->kernel_size,
		.persistence = plan->options->persistence != PERSISTENCE_NONE,
	};
	struct layout layout;
	uint64_t needed = 0;

	/* A persistence that stays says itself how much room there is. */
	if (plan->options->persistence == PERSISTENCE_KEPT)
		return 0;
	/* The image's own kernel and initrd are counted even where others take their place. */
	if (!plan->set.kernel_is_ours || !plan->set.initrd_is_ours)
		wish.system_size += wish.set_size;
	(void)layout_make(&wish, &layout, &needed);
	return needed;
}
