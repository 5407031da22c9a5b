/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "confirm.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <termios.h>

#include "base/log.h"
#include "base/size.h"
#include "base/text.h"
#include "base/util.h"
#include "program/json.h"
#include "report.h"

#define TERMINAL "/dev/tty"
#define TRIES	 3
#define POLL_MS	 100

/* What the user must type: the model of a disk, the name of a file. */
static const char *name_of(const struct target *target)
{
	const char *slash = strrchr(target->path, '/');

	if (target->kind == TARGET_DRIVE)
		return drive_name(&target->drive);
	return slash ? slash + 1 : target->path;
}

static void show_partitions(FILE *to, const struct contents *contents)
{
	char size[SIZE_TEXT], text[96];

	for (size_t i = 0; i < contents->n; i++) {
		const struct contents_partition *partition = &contents->partitions[i];

		contents_describe(&partition->identity, text, sizeof(text));
		fprintf(to, "    %2u  %9s  %s%s%s\n", partition->number,
			size_text(partition->size, size), text,
			partition->name[0] ? ", named " : "", partition->name);
	}
	if (contents->left_out > 0)
		fprintf(to, "    and %zu more\n", contents->left_out);
}

static void show(FILE *to, const struct target *target)
{
	char text[512], size[SIZE_TEXT];

	if (target->kind == TARGET_DRIVE) {
		drive_describe(&target->drive, text, sizeof(text));
		fprintf(to, "%s\n", text);
	} else {
		text_print(to, target->path);
		fprintf(to, ": an image file of %s\n", size_text(target->file_size, size));
	}
	contents_summary(&target->contents, text, sizeof(text));
	fprintf(to, "  holds %s\n", text);
	show_partitions(to, &target->contents);
}

static const char *what_is_lost(const struct stick_plan *plan)
{
	return plan->is_kept ? "Everything but the persistence" : "Everything";
}

void confirm_show(FILE *to, const struct target *target, const struct stick_plan *plan)
{
	if (!target->holds_data)
		return;
	show(to, target);
	fprintf(to, "%s on it would be lost.\n", what_is_lost(plan));
}

struct json_object *confirm_json(const struct target *target, const struct stick_plan *plan)
{
	struct json_object *loss;
	char text[512];

	if (!target->holds_data)
		return NULL;
	contents_summary(&target->contents, text, sizeof(text));
	loss = json_object_new_object();
	json_object_object_add(loss, "contents", json_text(text));
	json_object_object_add(loss, "partitions", report_contents_json(&target->contents));
	json_object_object_add(loss, "but_persistence", json_object_new_boolean(plan->is_kept));
	return loss;
}

/* Wait for a line, or for Ctrl-C, which does not end this program by default. */
static int wait_for_line(int fd, const struct observer *observer)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	int n;

	do {
		if (observer_interrupted(observer))
			return -EINTR;
		n = poll(&poll_fd, 1, POLL_MS);
	} while (n == 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
}

/* -ERR_SHORT at the end of the input. */
static int read_answer(FILE *tty, const struct observer *observer, char *answer, size_t size)
{
	ssize_t n;
	int r;

	r = wait_for_line(fileno(tty), observer);
	if (r < 0)
		return r;
	n = read(fileno(tty), answer, size - 1);
	if (n <= 0)
		return n < 0 ? -errno : -ERR_SHORT;
	answer[n] = '\0';
	answer[strcspn(answer, "\n")] = '\0';
	return 0;
}

static int ask(FILE *tty, const struct target *target, const struct stick_plan *plan,
	const struct observer *observer)
{
	const char *name = name_of(target);
	char answer[512];
	int r = 0;

	fprintf(tty, "%s on it will be lost.\n", what_is_lost(plan));
	for (unsigned int i = 0; i < TRIES; i++) {
		/* Anything typed before the question is not an answer to it. */
		(void)tcflush(fileno(tty), TCIFLUSH);
		fputs("To continue, type its name, ", tty);
		text_print(tty, name);
		fputs(": ", tty);
		fflush(tty);
		r = read_answer(tty, observer, answer, sizeof(answer));
		if (r < 0 || !answer[0])
			break;
		if (strcasecmp(answer, name) == 0)
			return 0;
	}
	if (r < 0)
		fputc('\n', tty);
	if (r == -EINTR)
		return refuse(r, "interrupted: nothing was written");
	return refuse(-ERR_REFUSED, "%s: was not confirmed: nothing was written", target->path);
}

int confirm(const struct target *target, const struct stick_plan *plan, bool yes,
	const struct observer *observer)
{
	cleanup(close_file) FILE *tty = NULL;

	if (!target->holds_data)
		return 0;
	if (yes) {
		if (log_shows(LOG_NORMAL))
			show(stderr, target);
		return 0;
	}
	tty = fopen(TERMINAL, "r+e");
	if (!tty)
		return refuse(-ERR_REFUSED,
			"%s: everything on it%s would be lost, and there is no terminal to ask "
			"on: to go ahead, give --yes",
			target->path, plan->is_kept ? " but its persistence" : "");
	show(tty, target);
	fputs("It will become\n", tty);
	report_print(plan, target->path, tty);
	return ask(tty, target, plan, observer);
}
