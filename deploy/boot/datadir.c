/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "datadir.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "base/util.h"

#define DATA_MAX (16u * MIB)

int data_read_file(const char *path, size_t max, void **ret_data, size_t *ret_size)
{
	autoclose int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	autofree char *data = NULL;
	struct stat status;
	size_t size;
	int r;

	if (fd < 0 || fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	if ((uint64_t)status.st_size > max)
		return -EFBIG;
	size = (size_t)status.st_size;
	data = malloc(size + 1);
	if (!data)
		return -ENOMEM;
	r = file_read(fd, data, size, 0);
	if (r < 0)
		return r;
	data[size] = '\0';
	*ret_data = steal_pointer(data);
	*ret_size = size;
	return 0;
}

int data_read(const char *name, void **ret_data, size_t *ret_size)
{
	const char *folder = getenv("LIVENG_DEPLOY_DATA") ?: LIVENG_DATA;
	autofree char *path = NULL;
	int r;

	path = text_new("%s/%s", folder, name);
	if (!path)
		return -ENOMEM;
	r = data_read_file(path, DATA_MAX, ret_data, ret_size);
	if (r < 0) {
		errno = -r;
		log_error("%s: cannot read a part of the boot menu: %m: `make install` puts it "
			  "there, LIVENG_DEPLOY_DATA=deploy/grub takes that of the source",
			path);
	}
	return r;
}
