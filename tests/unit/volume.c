/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "iso/volume.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libisofs/libisofs.h>

#include "base/util.h"

/* Only what the medium is to blame for counts as damage. */
static void only_damage_is_called_damage(void **state)
{
	(void)state;
	assert_true(iso_init() >= 0);
	assert_int_equal(volume_error(ISO_SUCCESS), 0);
	assert_int_equal(volume_error((int)ISO_WRONG_PVD), -ERR_DAMAGED);
	assert_int_equal(volume_error((int)ISO_WRONG_RR), -ERR_DAMAGED);
	assert_int_equal(volume_error((int)ISO_OUT_OF_MEM), -ENOMEM);
	assert_int_equal(volume_error((int)ISO_DATA_SOURCE_FAILURE), -EIO);
	assert_int_equal(volume_error((int)ISO_FILE_ACCESS_DENIED), -EACCES);
	assert_int_equal(volume_error((int)ISO_FILE_TOO_BIG), -ERR_TOO_LARGE);
	assert_int_equal(volume_error((int)ISO_NODE_NAME_NOT_UNIQUE), -ERR_ISOFS);
	assert_int_equal(volume_error((int)ISO_ASSERT_FAILURE), -ERR_ISOFS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_damage_is_called_damage),
	};

	return cmocka_run_group_tests_name("volume", tests, NULL, NULL);
}
