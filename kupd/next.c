/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Choose what the next boot runs, for that boot only: the boot menu clears the variable when it
 * reads it.
 */

#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "inventory.h"
#include "run.h"
#include "stick/assessment.h"
#include "system.h"

/* Would that entry boot, judging without reading the sets? */
static int check_bootable(
	const struct stick *stick, const struct inventory *inventory, const char *entry)
{
	if (!stick->grubenv)
		return refuse(-ERR_REFUSED,
			"%s: the boot menu has no %s to read this from: choose in the menu itself",
			stick->name, GRUBENV_PATH);
	if (strcmp(entry, "previous") == 0 &&
		(!inventory->has_previous || assessment_previous(stick) == PREVIOUS_GONE))
		return refuse(-ERR_REFUSED, "%s: the boot menu has no previous kernel set to boot",
			stick->name);
	if (strcmp(entry, "standard") == 0 && !inventory->has_current)
		return refuse(-ERR_REFUSED, "%s: there is no whole current kernel set to boot",
			stick->name);
	return 0;
}

/* The set that it boots must have its modules. */
static int check_modules(const struct kupd_run *run, const struct stick *stick,
	const struct inventory *inventory, const char *entry)
{
	char factory[KERNEL_RELEASE_MAX];

	if (strcmp(entry, "previous") == 0)
		return system_check_modules(run, stick, inventory->previous.release);
	/* Which is what the menu boots anyway: to choose it cancels a choice. */
	if (strcmp(entry, "standard") == 0)
		return 0;
	return system_factory_release(run, factory) == 0 ? system_check_modules(run, stick, factory)
							 : 0;
}

int next_verb(struct kupd_run *run)
{
	cleanup(inventory_close) struct inventory inventory = {0};
	cleanup(stick_closep) struct stick *stick = NULL;
	const char *entry = run->options->once;
	int r;

	r = inventory_open(run, !run->options->dry_run, &stick, &inventory);
	if (r == 0)
		r = check_bootable(stick, &inventory, entry);
	if (r == 0)
		r = check_modules(run, stick, &inventory, entry);
	if (r < 0)
		return r;
	run_add(run, "once", entry);
	if (run->options->dry_run) {
		log_info("%s: would make the next boot take %s", stick->name, entry);
		return 0;
	}
	run->changed = true;
	r = assessment_set_once(stick, entry);
	if (r == 0)
		log_info("%s: the next boot takes %s, for that boot only", stick->name, entry);
	return r;
}
