/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "plan.h"

#include <string.h>

#include "base/log.h"
#include "base/size.h"
#include "base/util.h"
#include "boot/esp.h"
#include "boot/menu.h"
#include "image/system.h"

/* With --keep-persistence: find the persistence. */
static int find_kept(struct stick_plan *plan, const char *path, uint64_t size)
{
	cleanup(disk_closep) struct disk *disk = NULL;
	struct kept kept;
	char text[SIZE_TEXT];
	uint64_t needed;
	int r;

	if (plan->inputs->options->persistence != PERSISTENCE_KEPT)
		return 0;
	r = disk_open(path, false, &disk);
	if (r == -ENOENT)
		return refuse(-ERR_NOT_STICK, "%s: does not exist: there is no persistence to keep",
			path);
	if (r < 0)
		return report(r, "%s", path);
	r = kept_read(disk, &kept);
	if (r < 0)
		return r;
	needed = kept.extent.start + kept.extent.size + LAYOUT_TABLE_BACKUP_SIZE;
	if (needed > size)
		return refuse(-ERR_NO_ROOM,
			"%s: its persistence does not fit into that size: give --size %s", path,
			size_option(needed, text));
	plan->is_kept = true;
	plan->is_encrypted = kept.is_encrypted;
	plan->kept = kept;
	memcpy(plan->ids.partitions[STICK_PERSISTENCE], kept.uuid, sizeof(kept.uuid));
	return plan->is_encrypted ? inputs_check_set(plan->inputs, &kept.luks, NULL) : 0;
}

int stick_plan_check_kept(const struct stick_plan *plan, const struct disk *disk)
{
	struct kept kept;
	int r;

	if (!plan->is_kept)
		return 0;
	r = kept_read(disk, &kept);
	if (r < 0 || kept_is_same(&kept, &plan->kept))
		return r;
	return refuse(-ERR_REFUSED,
		"%s: its persistence is no longer the one that was examined: nothing was "
		"written, start again",
		disk_path(disk));
}

static int make_layout(struct stick_plan *plan, const char *path, uint64_t size)
{
	cleanup(system_freep) struct system *system = NULL;
	const struct inputs *inputs = plan->inputs;
	const struct system_files files = inputs_packages(inputs);
	struct layout_request request = {
		.disk_size = size,
		.set_size = factoryset_size(&inputs->set),
		.kernel_size = inputs->options->kernel_size,
		.persistence = inputs->options->persistence != PERSISTENCE_NONE,
		.kept = plan->kept.extent,
	};
	char needs[SIZE_TEXT], has[SIZE_TEXT];
	uint64_t needed = 0;
	int r;

	/* Made only for its size: it has a thread, which does not survive a fork. */
	r = system_new(inputs->image, &inputs->set, &files, plan->ids.system_date, &system);
	if (r < 0)
		return r;
	request.system_size = system_size(system);
	plan->system_bytes = system_bytes(system);
	r = layout_make(&request, &plan->layout, &needed);
	if (r == -ERR_NO_ROOM)
		size_texts(needed, plan->is_kept ? plan->kept.extent.start : size, needs, has);
	if (r == -ERR_NO_ROOM && plan->is_kept)
		return refuse(r,
			"%s: the new system needs %s before the persistence, but there are %s: "
			"give a smaller --kernel-size, or deploy without --keep-persistence",
			path, needs, has);
	if (r == -ERR_NO_ROOM)
		return refuse(r, "%s: has %s, but the image needs %s", path, has, needs);
	return r;
}

static int make_tables(struct stick_plan *plan)
{
	const struct bios *bios = &plan->inputs->bios;
	struct layout only = {.disk_size = plan->layout.disk_size};
	int r = 0;

	only.partitions[STICK_PERSISTENCE] = plan->layout.partitions[STICK_PERSISTENCE];
	if (plan->is_kept)
		r = table_make(&only, &plan->ids, &plan->before);
	if (r == 0)
		r = table_make(&plan->layout, &plan->ids, &plan->table);
	if (r == 0 && bios->core_size > 0)
		memcpy(plan->table.primary, bios->boot, sizeof(bios->boot));
	return r;
}

static int make_boot(struct stick_plan *plan)
{
	const struct inputs *inputs = plan->inputs;
	autofree char *text = NULL;
	const struct menu menu = {
		.name = image_name(inputs->image),
		.release = inputs->set.candidate->release,
		.system_partuuid = plan->ids.partitions[STICK_SYSTEM],
		.parameters = image_parameters(inputs->image),
		.settings = inputs->settings.parameters,
		.append = inputs->options->append,
		.console = inputs->options->console,
		.persistence = inputs->options->persistence != PERSISTENCE_NONE,
		.encrypted = plan->is_encrypted,
	};
	int r;

	r = menu_text(&menu, &text);
	if (r == 0)
		r = esp_build(inputs->loaders, text, LAYOUT_ESP_SIZE, plan->ids.esp, &plan->esp_fd);
	if (r == 0)
		r = esp_bytes(plan->esp_fd, LAYOUT_ESP_SIZE, &plan->esp_bytes);
	return r;
}

int stick_plan_make(const struct inputs *inputs, const char *path, uint64_t size, bool encrypted,
	struct stick_plan *ret_plan)
{
	cleanup(stick_plan_clear) struct stick_plan plan = {
		.inputs = inputs, .esp_fd = -1, .is_encrypted = encrypted};
	int r;

	ids_make(&plan.ids);
	r = find_kept(&plan, path, size);
	if (r == 0)
		r = make_layout(&plan, path, size);
	if (r == 0)
		r = make_tables(&plan);
	if (r == 0)
		r = make_boot(&plan);
	if (r < 0)
		return r;
	*ret_plan = plan;
	plan = (struct stick_plan){.esp_fd = -1};
	return 0;
}

void stick_plan_clear(struct stick_plan *plan)
{
	close_fd(&plan->esp_fd);
	*plan = (struct stick_plan){.esp_fd = -1};
}
