/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "assessment.h"

#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "stickmount.h"

#define NO_TRIAL (-1)

int assessment_tries(const struct stick *stick)
{
	const char *value = stick->grubenv ? grubenv_get(stick->grubenv, "liveng_tries") : NULL;

	if (!value || !*value)
		return NO_TRIAL;
	/* We and GRUB write one digit. Anything else does not prove the current set, and the boot
	 * menu gives it no boots: reading it as a trial with no boots left takes a `bless` to
	 * clear, reading it as no trial could lose the proven set. */
	return *value >= '0' && *value <= '0' + ASSESSMENT_TRIES && !value[1] ? *value - '0' : 0;
}

enum assessment_previous assessment_previous(const struct stick *stick)
{
	const char *value = stick->grubenv ? grubenv_get(stick->grubenv, "liveng_previous") : NULL;

	if (value && strcmp(value, "0") == 0)
		return PREVIOUS_GONE;
	return value && strcmp(value, "1") == 0 ? PREVIOUS_PROVEN : PREVIOUS_DOUBTED;
}

bool assessment_has_previous(const struct stick *stick)
{
	return assessment_previous(stick) == PREVIOUS_PROVEN;
}

char assessment_proven_slot(const struct stick *stick)
{
	const char *value = stick->grubenv ? grubenv_get(stick->grubenv, "liveng_proven") : NULL;

	return value && (*value == 'A' || *value == 'B') && !value[1] &&
			       assessment_tries(stick) >= 0
		       ? *value
		       : 0;
}

/* Write what was set in memory; @set is the result of setting it. Reports. */
static int write_block(struct stick *stick, int set)
{
	int r = set;

	log_step("setting the boot assessment");
	if (r == -ERR_FULL)
		return refuse(r,
			"%s: %s on partition %d is full: remove variables with grub-editenv",
			disk_path(stick->disk), GRUBENV_PATH, STICK_ESP);
	if (r == 0)
		r = grubenv_write(stick->grubenv, stick->disk);
	stickmount_refresh_grubenv(stick->esp_point);
	if (r < 0)
		return report(r, "%s: cannot write the boot assessment to %s",
			disk_path(stick->disk), GRUBENV_PATH);
	return 0;
}

static int set_all(struct stick *stick, int tries, enum assessment_previous previous, char proven)
{
	const char slot[] = {proven, 0};
	static const char *const values[] = {
		[PREVIOUS_GONE] = "0", [PREVIOUS_PROVEN] = "1", [PREVIOUS_DOUBTED] = "2"};
	const char *once;
	char text[16];
	int r;

	if (!stick->grubenv)
		return 0;
	snprintf(text, sizeof(text), "%d", tries);
	r = grubenv_set(stick->grubenv, "liveng_tries", tries >= 0 ? text : NULL);
	if (r == 0)
		r = grubenv_set(stick->grubenv, "liveng_previous", values[previous]);
	if (r == 0)
		r = grubenv_set(stick->grubenv, "liveng_proven", proven ? slot : NULL);
	/* Whoever chose `previous` for the next boot meant a set that no longer exists. */
	once = assessment_once(stick);
	if (r == 0 && previous == PREVIOUS_GONE && once && strcmp(once, "previous") == 0)
		r = grubenv_set(stick->grubenv, "liveng_once", NULL);
	return write_block(stick, r);
}

int assessment_begin_trial(struct stick *stick, enum assessment_previous previous, char proven)
{
	return stick->has_trials ? set_all(stick, ASSESSMENT_TRIES, previous, proven)
				 : assessment_end_trial(stick, previous);
}

int assessment_end_trial(struct stick *stick, enum assessment_previous previous)
{
	return set_all(stick, NO_TRIAL, previous, 0);
}

int assessment_forget_previous(struct stick *stick, char proven)
{
	return set_all(stick, assessment_tries(stick), PREVIOUS_GONE, proven);
}

int assessment_give_up(struct stick *stick)
{
	return set_all(stick, 0, PREVIOUS_GONE, 0);
}

const char *assessment_once(const struct stick *stick)
{
	return stick->grubenv ? grubenv_get(stick->grubenv, "liveng_once") : NULL;
}

int assessment_set_once(struct stick *stick, const char *entry)
{
	return stick->grubenv
		       ? write_block(stick, grubenv_set(stick->grubenv, "liveng_once", entry))
		       : 0;
}

int assessment_drop_once(struct stick *stick)
{
	const char *entry = assessment_once(stick);

	if (!entry)
		return 0;
	log_info("%s: dropping the choice of %s for the next boot", stick->name, entry);
	return assessment_set_once(stick, NULL);
}
