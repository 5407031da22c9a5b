/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "exitcode.h"

#include "base/util.h"

enum exit_code exit_code_of(int error)
{
	switch (-error) {
	case 0:
		return EXIT_DONE;
	case ERR_NOT_STICK:
		return EXIT_NOT_STICK;
	case ERR_REFUSED:
		return EXIT_REFUSED;
	case ERR_NO_ROOM:
		return EXIT_NO_ROOM;
	case ERR_VERIFY:
		return EXIT_VERIFY;
	case ERR_BUSY:
		return EXIT_BUSY;
	default:
		return EXIT_FAILED;
	}
}
