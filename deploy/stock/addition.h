/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What a stock image lacks to be a stick that opens its persistence and keeps its kernel up to
 * date: appended to its initrd as one more segment, and packages for its first boot. What the image
 * has stays as it is, and nothing of it is run.
 */

#include "base/observer.h"
#include "image/image.h"
#include "stickpackages.h"

struct addition_request {
	const char *release; /* of the kernel */
	const char *folder;  /* of packages, named by the user; or NULL */
	const char *keymap;  /* for the passphrase, as loadkeys(1) takes it; or NULL */
	bool opens;	     /* the persistence is, or may be, encrypted */
	bool persists;	     /* there is one */
	bool is_kept;	     /* from an earlier stick */
	bool has_settings;   /* options say what live-config shall set up */
	bool has_hostname;   /* such as a name */
};

struct addition_result {
	struct stickpackages packages; /* for the first boot */
	bool has_keymap;	       /* the initrd sets the layout of the keyboard */
};

/**
 * Append to the initrd open at @fd, a copy that may be changed, what it lacks: the hook that looks
 * for the persistence on the stick only; cryptsetup, from the image's system or else from this
 * machine, and the modules for LUKS; what the first boot does. One that lacks nothing stays as it
 * is, as does one without live-boot, which candidate_check() refuses. @name is for messages.
 * Reports. Returns 1 if it was changed, 0 if not; -ERR_REFUSED if a part cannot be had; -EINTR;
 * -errno. The caller frees @ret_result with addition_result_clear().
 */
int addition_append(const struct image *image, int fd, const char *name,
	const struct addition_request *request, const struct observer *observer,
	struct addition_result *ret_result);

void addition_result_clear(struct addition_result *result);
