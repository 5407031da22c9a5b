/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "session.h"

#include <stdint.h>
#include <string.h>

#include <libisofs/libisofs.h>
/* The order matters: it needs the types of the former. */
#include <libburn/libburn.h>

#include "slots/kernelset.h"
#include "base/text.h"
#include "tree.h"
#include "base/util.h"

/* Blocks that libisofs' thread reads ahead, while the ones before are written. */
#define FIFO_BLOCKS 4096u

#define FOLDER "/" SET_FOLDER

struct session {
	struct burn_source *source;
	uint64_t size;
};

static void free_write_opts(IsoWriteOpts **options)
{
	if (*options)
		iso_write_opts_free(*options);
}

static bool is_among(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

/* Remove all of a folder but the named ones. @folder ends with a slash. */
static int keep_only(struct volume *volume, const char *folder, const char *const *names, size_t n)
{
	cleanup(tree_names_freep) char **present = NULL;
	int r;

	r = tree_list(volume, folder, &present);
	for (size_t i = 0; r == 0 && present[i]; i++) {
		autofree char *path = text_new("%s%s", folder, present[i]);

		if (!path)
			return -ENOMEM;
		if (!is_among(present[i], names, n))
			r = tree_remove(volume, path);
	}
	return r;
}

/* The folder /live with the present set renamed, or with nothing in it. */
static int prepare_tree(struct volume *volume, bool keep_current)
{
	static const char *const top[] = {SET_FOLDER};
	static const char *const set[] = {SET_KERNEL, SET_INITRD, SET_RELEASE, SET_SUMS, SET_MENU};
	int r;

	/* Whatever else lies in the tree lies in the slot that will be written next time. */
	r = keep_only(volume, "/", top, ARRAY_SIZE(top));
	if (r == 0 && tree_has(volume, FOLDER, false))
		r = -EUCLEAN;
	if (r == 0 && !tree_has(volume, FOLDER, true))
		r = tree_add_folder(volume, "/", SET_FOLDER);
	if (r == 0)
		r = keep_only(volume, FOLDER "/", set, keep_current ? ARRAY_SIZE(set) : 0);
	for (size_t i = 0; r == 0 && keep_current && i < ARRAY_SIZE(set); i++) {
		char path[64], name[64];

		snprintf(path, sizeof(path), FOLDER "/%s", set[i]);
		snprintf(name, sizeof(name), "%s" SET_OLD, set[i]);
		r = tree_rename(volume, path, name);
		if (r == -ENOENT)
			r = 0;
	}
	return r;
}

/* A set's release, for people and for the boot menu. */
static int add_release(
	struct volume *volume, const char *release, const char *name, const char *menu_name)
{
	autofree char *menu = NULL;
	int r;

	r = set_menu_text(release, &menu);
	if (r == 0)
		r = tree_add_text(volume, FOLDER, name, release);
	if (r == 0)
		r = tree_add_text(volume, FOLDER, menu_name, menu);
	return r;
}

static int fill_tree(struct volume *volume, const struct session_content *content)
{
	int r;

	r = tree_add_file(volume, FOLDER, SET_KERNEL, &content->kernel);
	if (r == 0)
		r = tree_add_file(volume, FOLDER, SET_INITRD, &content->initrd);
	if (r == 0)
		r = add_release(volume, content->release, SET_RELEASE, SET_MENU);
	if (r == 0)
		r = tree_add_text(volume, FOLDER, SET_SUMS, content->sums);
	if (r == 0 && content->keep_current && content->old_release)
		r = add_release(
			volume, content->old_release, SET_RELEASE SET_OLD, SET_MENU SET_OLD);
	if (r == 0 && content->keep_current && content->old_sums)
		r = tree_add_text(volume, FOLDER, SET_SUMS SET_OLD, content->old_sums);
	return r;
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
	/* Each returns an error for a null pointer only. */
	iso_write_opts_set_iso_level(options, 3);
	iso_write_opts_set_rockridge(options, 1);
	/* The label as it is: a dash would become an underscore. */
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

int session_of_tree(struct volume *volume, uint32_t start_lba, struct session **ret_session)
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

int session_new(struct volume *volume, uint32_t start_lba, const struct session_content *content,
	struct session **ret_session)
{
	int r;

	r = prepare_tree(volume, content->keep_current);
	if (r == 0)
		r = fill_tree(volume, content);
	return r < 0 ? r : session_of_tree(volume, start_lba, ret_session);
}

void session_free(struct session *session)
{
	if (!session)
		return;
	if (session->source) {
		/* Ends the writer thread, wherever it is; then waits for it. */
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
