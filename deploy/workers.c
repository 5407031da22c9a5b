/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "workers.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/util.h"
#include "program/json.h"
#include "progressfd.h"

#define POLL_MS	   100
#define DRAWN_SIZE 48
#define END	   '{' /* the last note begins with this, no phase does */

/* Lines read from a pipe. */
struct pipe_lines {
	int fd; /* -1: closed */
	char *text;
	size_t length;
};

/* A worker, from the parent's side. */
struct process {
	struct worker *worker;
	pid_t pid;		 /* 0: not started, or already waited for */
	struct pipe_lines notes; /* progress texts; at the end, JSON */
	struct pipe_lines words; /* messages for the user */
	char drawn[DRAWN_SIZE];	 /* "writing 45 %, 12 s left"; "": nothing */
};

struct pool {
	struct process *processes;
	struct pollfd *fds; /* two per process */
	size_t n;
	bool draws;
};

/* How a process reports its progress. */
struct progress_report {
	const struct workers_settings *settings;
	struct progressfd progressfd;
	struct rate rate;
	int notes_fd;
};

static void on_progress(void *data, const char *phase, uint64_t done, uint64_t total)
{
	struct progress_report *report = data;
	const struct rate *rate = &report->rate;

	progressfd_update(&report->progressfd, phase, done, total);
	if (!report->settings->draws || total == 0 ||
		!rate_update(&report->rate, phase, done, total))
		return;
	dprintf(report->notes_fd, "%s %u %%", phase, (unsigned int)(done * 100 / total));
	if (rate->bytes_per_second > 0)
		dprintf(report->notes_fd, ", %.0f s left", rate->seconds_left);
	dprintf(report->notes_fd, "\n");
}

static bool on_interrupted(void *data)
{
	return observer_interrupted(((struct progress_report *)data)->settings->observer);
}

/* Runs in the process. */
__attribute__((noreturn)) static void do_work(const struct worker *worker, size_t i,
	workers_work work, void *data, const struct workers_settings *settings, int notes_fd)
{
	struct progress_report report = {.settings = settings, .notes_fd = notes_fd};
	const struct observer observer = {on_progress, on_interrupted, &report};
	struct json_object *note = json_object_new_object();
	struct json_object *said = json_object_new_object();
	struct json_object *errors = json_object_new_array();
	struct json_object *warnings = json_object_new_array();
	int error;

	progressfd_init(&report.progressfd, settings->progress_fd, worker->name);
	log_set_sink(json_collect, errors);
	log_set_warning_sink(json_collect, warnings);
	error = work(data, i, &observer);
	if (error < 0 && json_object_array_length(errors) == 0)
		report_step(error);
	json_object_object_add(said, "errors", errors);
	json_object_object_add(said, "warnings", warnings);
	json_object_object_add(note, "error", json_object_new_int(error));
	json_object_object_add(note, "said", said);
	dprintf(notes_fd, "%s\n", json_object_to_json_string_ext(note, JSON_C_TO_STRING_PLAIN));
	_exit(EXIT_SUCCESS);
}

static int start(struct process *process, size_t i, workers_work work, void *data,
	const struct workers_settings *settings)
{
	autoclose int notes_in = -1, words_in = -1;
	const pid_t parent = getpid();
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	process->notes.fd = fds[0];
	notes_in = fds[1];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	process->words.fd = fds[0];
	words_in = fds[1];
	process->pid = fork();
	if (process->pid < 0) {
		process->pid = 0;
		return -errno;
	}
	if (process->pid == 0) {
		/* Without the parent nobody would learn the result. */
		if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent ||
			dup2(words_in, STDERR_FILENO) < 0)
			_exit(EXIT_FAILURE);
		do_work(process->worker, i, work, data, settings, notes_in);
	}
	return 0;
}

/* "sdb writing 45 %, 12 s left; sdc verifying 3 %", as much of it as fits. */
static void draw(const struct pool *pool)
{
	struct winsize window = {0};
	char text[512] = "";
	size_t length = 0;

	if (!pool->draws)
		return;
	for (size_t i = 0; i < pool->n && length < sizeof(text); i++) {
		const struct process *process = &pool->processes[i];
		const char *slash = strrchr(process->worker->name, '/');

		if (process->drawn[0])
			length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s %s",
				length > 0 ? "; " : "", slash ? slash + 1 : process->worker->name,
				process->drawn);
	}
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) < 0 || window.ws_col == 0)
		window.ws_col = 80;
	if (length >= window.ws_col)
		text[MIN((size_t)window.ws_col, sizeof(text)) - 1] = '\0';
	log_draw(length > 0 ? text : NULL);
}

static void take_note(struct process *process, const char *line)
{
	struct json_object *note, *error, *said;

	if (line[0] != END) {
		snprintf(process->drawn, sizeof(process->drawn), "%s", line);
		return;
	}
	process->drawn[0] = '\0';
	note = json_tokener_parse(line);
	if (json_object_object_get_ex(note, "error", &error) &&
		json_object_object_get_ex(note, "said", &said)) {
		process->worker->error = json_object_get_int(error);
		process->worker->said = json_object_get(said);
	}
	json_object_put(note);
}

/* Read what is available; false at the end. */
static bool fill(struct pipe_lines *lines)
{
	char piece[4096], *text;
	ssize_t n = read(lines->fd, piece, sizeof(piece));

	if (n < 0 && errno == EINTR)
		return true;
	text = n > 0 ? realloc(lines->text, lines->length + (size_t)n + 1) : NULL;
	if (!text) {
		close_fd(&lines->fd);
		lines->fd = -1;
		return false;
	}
	memcpy(text + lines->length, piece, (size_t)n);
	lines->text = text;
	lines->length += (size_t)n;
	text[lines->length] = '\0';
	return true;
}

/* The next complete line, without its newline; at the end of the pipe also an incomplete one. NULL:
 * none. The caller frees it. */
static char *next_line(struct pipe_lines *lines)
{
	char *end = lines->length > 0 ? strchr(lines->text, '\n') : NULL;
	size_t length = end ? (size_t)(end - lines->text) : lines->length, used;
	char *line;

	if (!end && (lines->fd >= 0 || length == 0))
		return NULL;
	line = strndup(lines->text, length);
	used = length + (end != NULL);
	lines->length -= used;
	memmove(lines->text, lines->text + used, lines->length + 1);
	return line;
}

static void listen_to(struct process *process)
{
	char *line;

	while ((line = next_line(&process->words))) {
		log_draw(NULL);
		fprintf(stderr, "%s\n", line);
		free(line);
	}
	while ((line = next_line(&process->notes))) {
		take_note(process, line);
		free(line);
	}
}

/* False once all pipes have ended. */
static bool wait_for_news(struct pool *pool)
{
	struct pollfd *fds = pool->fds;
	bool is_open = false;

	for (size_t i = 0; i < pool->n; i++) {
		fds[2 * i] = (struct pollfd){.fd = pool->processes[i].notes.fd, .events = POLLIN};
		fds[2 * i + 1] =
			(struct pollfd){.fd = pool->processes[i].words.fd, .events = POLLIN};
		is_open |= fds[2 * i].fd >= 0 || fds[2 * i + 1].fd >= 0;
	}
	if (!is_open)
		return false;
	if (poll(fds, 2 * pool->n, POLL_MS) <= 0)
		return true;
	for (size_t i = 0; i < pool->n; i++) {
		struct process *process = &pool->processes[i];

		if (fds[2 * i].revents)
			fill(&process->notes);
		if (fds[2 * i + 1].revents)
			fill(&process->words);
		listen_to(process);
	}
	draw(pool);
	return true;
}

static void end(struct process *process)
{
	int status = 0;

	if (process->pid == 0)
		return;
	while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR)
		;
	process->pid = 0;
	if (process->worker->said)
		return;
	process->worker->error = -ERR_TOOL;
	if (WIFSIGNALED(status))
		log_error("%s: the process writing it was killed by signal %d: do not use it",
			process->worker->name, WTERMSIG(status));
	else
		log_error("%s: the process writing it ended without a result: do not use it",
			process->worker->name);
}

int workers_run(struct worker *workers, size_t n, workers_work work, void *data,
	const struct workers_settings *settings)
{
	autofree struct process *processes = calloc(n, sizeof(*processes));
	autofree struct pollfd *fds = calloc(2 * n, sizeof(*fds));
	struct pool pool = {.processes = processes, .fds = fds, .n = n, .draws = settings->draws};
	bool was_told = false;

	if (!processes || !fds)
		return -ENOMEM;
	/* Otherwise each process would write out buffered output again. */
	fflush(NULL);
	for (size_t i = 0; i < n; i++) {
		int r;

		processes[i] = (struct process){
			.worker = &workers[i], .notes = {.fd = -1}, .words = {.fd = -1}};
		workers[i].error = 0;
		workers[i].said = NULL;
		r = start(&processes[i], i, work, data, settings);
		if (r < 0)
			workers[i].error = report(
				r, "%s: cannot start the process to write it", workers[i].name);
	}
	while (wait_for_news(&pool)) {
		if (was_told || !observer_interrupted(settings->observer))
			continue;
		/* A terminal signals all of us, kill(1) only the parent. */
		for (size_t i = 0; i < n; i++)
			if (processes[i].pid > 0)
				(void)kill(processes[i].pid, SIGTERM);
		was_told = true;
	}
	log_draw(NULL);
	for (size_t i = 0; i < n; i++) {
		end(&processes[i]);
		close_fd(&processes[i].notes.fd);
		close_fd(&processes[i].words.fd);
		free(processes[i].notes.text);
		free(processes[i].words.text);
	}
	return 0;
}
