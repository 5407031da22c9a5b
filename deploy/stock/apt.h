/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * This machine's apt, asked about another system: what it would install there of some package
 * files. It looks nothing up, locks nothing and installs nothing.
 */

#include "base/observer.h"

struct apt;

/** Asks nothing yet; interrupting @observer, which may be NULL and must outlive it, ends whatever
 * it waits for with -EINTR. Returns -ENOMEM. The caller frees it with apt_free(). */
int apt_new(struct apt **ret_apt, const struct observer *observer);

/**
 * Ask about the system whose dpkg has recorded @status (text, copied) and that has the architecture
 * @arch; once, and first. Makes a temporary folder, which apt_free() removes. Does not report.
 * Returns -ENOMEM; another error with apt_why().
 */
int apt_describe(struct apt *apt, const char *status, const char *arch);

void apt_free(struct apt *apt);
void apt_freep(struct apt **apt);

/** Offer the package files (.deb) in @folder, 512 at most. Does not report. Returns -ENODATA if
 * there are none; -ENOMEM; another error with apt_why(). */
int apt_offer(struct apt *apt, const char *folder);

/** The same for packages that this machine's archive has: download @names (NULL-terminated), all of
 * them. Returns -ENODATA if it cannot; -EINTR. */
int apt_offer_download(struct apt *apt, const char *const names[]);

/**
 * The paths of the files that installing @names (NULL-terminated) there takes, of those offered, a
 * NULL-terminated list. Nothing may be removed for it. Does not report. Returns -ERR_TOOL if apt
 * says that it cannot be done, with its reason in apt_why(); -EINTR; else as above. The caller
 * frees it with apt_paths_free().
 */
int apt_choose(struct apt *apt, const char *const names[], char ***ret_paths);

void apt_paths_free(char **paths);
void apt_paths_freep(char ***paths);

/** Why the last call failed, for messages. */
const char *apt_why(const struct apt *apt);
