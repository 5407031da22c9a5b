/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "session.h"

#include <stdint.h>

#include <libisofs/libisofs.h>
/* The order matters: this one needs the types of the previous one. */
#include <libburn/libburn.h>

#include "base/util.h"

/* Blocks that libisofs' thread reads ahead while earlier ones are being written. */
#define FIFO_BLOCKS 4096u

struct session {
	struct burn_source *source;
	uint64_t size;
};

static void free_write_opts(IsoWriteOpts **options)
{
	if (*options)
		iso_write_opts_free(*options);
}

static int write_options(
	const struct volume *volume, uint32_t start_lba, IsoWriteOpts **ret_options)
{
	cleanup(free_write_opts) IsoWriteOpts *options = NULL;
	char date[17];
	int code;

	pvd_date(volume_pvd(volume), date);
	code = iso_write_opts_new(&options, 0);
	if (code < 0)
		return volume_error(code);
	/* These fail only for a null pointer. */
	iso_write_opts_set_iso_level(options, 3);
	iso_write_opts_set_rockridge(options, 1);
	/* Keep the label unchanged: a dash would become an underscore. */
	iso_write_opts_set_relaxed_vol_atts(options, 1);
	iso_write_opts_set_fifo_size(options, FIFO_BLOCKS);
	iso_write_opts_set_appendable(options, 1);
	iso_write_opts_set_ms_block(options, start_lba);
	iso_write_opts_set_pvd_times(options, 0, 0, 0, 0, date);
	iso_write_opts_set_replace_mode(options, 2, 2, 2, 2);
	iso_write_opts_set_default_dir_mode(options, 0555);
	iso_write_opts_set_default_file_mode(options, 0444);
	iso_write_opts_set_default_uid(options, 0);
	iso_write_opts_set_default_gid(options, 0);
	*ret_options = steal_pointer(options);
	return 0;
}

int session_new(struct volume *volume, uint32_t start_lba, struct session **ret_session)
{
	cleanup(session_freep) struct session *session = calloc(1, sizeof(*session));
	cleanup(free_write_opts) IsoWriteOpts *options = NULL;
	int r;

	if (!session)
		return -ENOMEM;
	r = write_options(volume, start_lba, &options);
	if (r == 0)
		r = volume_error(iso_image_create_burn_source(
			volume_image(volume), options, &session->source));
	if (r < 0)
		return r;
	session->size = (uint64_t)session->source->get_size(session->source);
	*ret_session = steal_pointer(session);
	return 0;
}

void session_free(struct session *session)
{
	if (!session)
		return;
	if (session->source) {
		/* Stops the writer thread wherever it is, and waits for it. */
		if (session->source->version > 0 && session->source->cancel)
			session->source->cancel(session->source);
		session->source->free_data(session->source);
		free(session->source);
	}
	free(session);
}

void session_freep(struct session **session)
{
	session_free(*session);
}

uint64_t session_size(const struct session *session)
{
	return session->size;
}

int session_read(struct session *session, void *buffer, size_t size)
{
	uint8_t *to = buffer;

	while (size > 0) {
		int n, wanted = (int)MIN(size, (size_t)MIB);

		n = session->source->read_xt(session->source, to, wanted);
		if (n <= 0)
			return -ERR_SOURCE;
		to += n;
		size -= (size_t)n;
	}
	return 0;
}
