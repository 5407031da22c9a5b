/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "format.h"

#include <string.h>

#include "base/util.h"
#include "iso/session.h"
#include "kernelset.h"
#include "settree.h"
#include "slot.h"

/* The first session of an empty volume. */
static int begin_session(struct volume *volume, const struct slot *slot,
	const struct format *format, struct session **ret_session)
{
	autofree char *release = NULL, *sums = NULL;
	struct settree content;
	int r;

	r = kernelset_release_text(format->release, &release);
	if (r == 0)
		r = kernelset_sums_text(
			format->release, format->kernel_sum, format->initrd_sum, &sums);
	if (r < 0)
		return r;
	content = (struct settree){
		.kernel = format->kernel,
		.initrd = format->initrd,
		.release = release,
		.sums = sums,
	};
	r = settree_fill(volume, &content);
	return r == 0 ? session_new(volume, slot->start_lba, ret_session) : r;
}

/* Read what the head is about to point to, as the first boot will. */
static int verify(const struct disk *disk, struct extent partition, const struct written *written,
	const struct observer *observer)
{
	cleanup(volume_closep) struct volume *volume = NULL;
	struct kernelset set;
	int r;

	r = volume_open(disk, partition, &written->pvd, &volume);
	if (r == 0)
		r = kernelset_read(volume, KERNELSET_CURRENT, &set);
	if (r == 0)
		r = slot_verify(disk, written, &set, observer);
	return r == -ERR_DAMAGED || r == -ENOENT ? -ERR_VERIFY : r;
}

int format_partition(struct disk *disk, struct extent partition, const struct format *format,
	const struct observer *observer)
{
	const struct slot slot = slot_get(partition.size, SLOT_A);
	/* The session reads from the volume until it is freed, so it is freed first. */
	cleanup(volume_closep) struct volume *volume = NULL;
	cleanup(session_freep) struct session *session = NULL;
	struct written written;
	struct pvd pvd;
	int r;

	r = pvd_new(format->label, format->date, &pvd);
	if (r == 0)
		r = volume_new_empty(disk, partition, &pvd, &volume);
	if (r == 0)
		r = begin_session(volume, &slot, format, &session);
	if (r < 0)
		return r;
	if (session_size(session) > slot_extent(partition, &slot).size)
		return -ERR_NO_ROOM;

	r = slot_wipe(disk, partition);
	if (r == 0)
		r = slot_write(disk, partition, &slot, session, observer, &written);
	if (r == 0 && !format->no_verify)
		r = verify(disk, partition, &written, observer);
	if (r == 0)
		r = slot_describe(disk, partition, &slot, &written.pvd);
	if (r == 0)
		r = slot_write_head(disk, partition, &written.pvd);
	return r;
}
