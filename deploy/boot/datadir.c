/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "datadir.h"

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "base/util.h"

#define DATA_MAX (16u * MIB)

char *datadir_path(const char *name)
{
	return text_new("%s/%s", getenv("LIVENG_DEPLOY_DATA") ?: LIVENG_DATA, name);
}

int datadir_read(const char *name, void **ret_data, size_t *ret_size)
{
	autofree char *path = datadir_path(name);
	int r;

	if (!path)
		return -ENOMEM;
	r = file_read_whole(path, DATA_MAX, ret_data, ret_size);
	if (r < 0)
		return refuse(r,
			"%s: cannot read a file of the program's own: %s: install it with `make "
			"install`, or use the source's with LIVENG_DEPLOY_DATA=deploy/data",
			path, error_text(r));
	return 0;
}
