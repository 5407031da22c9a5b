/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "init.h"

#include <glob.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "base/util.h"

#define UNIT "liveng-bless.service"

/* Is there anything at that path, a pattern of glob(3) below the root? */
static bool is_there(const struct host *host, const char *path)
{
	autofree char *pattern = text_new("%s%s", host->root, path);
	cleanup(globfree) glob_t found = {0};

	return pattern && glob(pattern, GLOB_NOSORT, NULL, &found) == 0;
}

/* systemd.unit(5). A masked unit is a link to /dev/null. */
static bool is_unit_enabled(const struct host *host)
{
	autofree char *mask = text_new("%s/etc/systemd/system/" UNIT, host->root);
	char target[16] = "";

	if (mask && readlink(mask, target, sizeof(target) - 1) > 0 &&
		strcmp(target, "/dev/null") == 0)
		return false;
	return is_there(host, "/etc/systemd/system/*.wants/" UNIT) ||
	       is_there(host, "/usr/lib/systemd/system/*.wants/" UNIT) ||
	       is_there(host, "/lib/systemd/system/*.wants/" UNIT);
}

bool init_ends_trials(const struct host *host)
{
	autofree char *path = text_new("%s/proc/1/comm", host->root);
	autofree char *name = NULL;

	/* sd_booted(3) */
	if (is_there(host, "/run/systemd/system"))
		return is_unit_enabled(host);
	if (is_there(host, "/run/openrc") && is_there(host, "/etc/runlevels/*/liveng-bless"))
		return true;
	/* Other init systems have that folder, too; only sysvinit has this pipe. */
	return path && file_read_text(path, '\n', &name) == 0 && strcmp(name, "init") == 0 &&
	       is_there(host, "/run/initctl") && is_there(host, "/etc/rc2.d/S*liveng-bless");
}
