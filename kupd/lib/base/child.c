/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "child.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "file.h"
#include "log.h"
#include "tempfile.h"
#include "util.h"

#define SBIN	      "/usr/local/sbin:/usr/sbin:/sbin"
#define EXIT_NO_START 127 /* as in a shell */
#define OUTPUT_MAX    1024u
#define CAPTURE_MAX   (1024u * 1024u)

/*
 * Runs in the child: only what is allowed between fork and exec, except for setting up the
 * environment; no other thread of ours exists that could hold a lock. Without @output the user is
 * watching: the program keeps the user's locale, writes to standard error because our own output
 * may be JSON, and ^C ends it.
 */
static _Noreturn void start(const char *const argv[], const char *const environment[], int output)
{
	const char *path = getenv("PATH");
	autofree char *folders = NULL;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	sigset_t none;

	for (size_t i = 0; environment && environment[i]; i++)
		putenv((char *)environment[i]);
	if (output >= 0)
		setenv("LC_ALL", "C", 1);
	sigemptyset(&none);
	if (output < 0)
		sigprocmask(SIG_SETMASK, &none, NULL);
	/* Ignored signals would stay ignored across exec. */
	(void)signal(SIGPIPE, SIG_DFL);
	(void)signal(SIGXFSZ, SIG_DFL);
	if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 &&
		(output < 0 || dup2(output, STDERR_FILENO) >= 0) &&
		dup2(STDERR_FILENO, STDOUT_FILENO) >= 0 &&
		asprintf(&folders, "%s:" SBIN, path && *path ? path : "/usr/bin:/bin") > 0 &&
		setenv("PATH", folders, 1) == 0)
		execvp(argv[0], (char *const *)argv);
	_exit(errno == ENOENT ? EXIT_NO_START : EXIT_NO_START - 1);
}

/* Its output as one line; only the end if there was a lot. */
static void read_output(int fd, char ret_text[OUTPUT_MAX])
{
	off_t end = lseek(fd, 0, SEEK_END);
	ssize_t n = pread(fd, ret_text, OUTPUT_MAX - 1, MAX(end - (off_t)OUTPUT_MAX + 1, 0));
	size_t size = n > 0 ? (size_t)n : 0;

	while (size > 0 && ret_text[size - 1] == '\n')
		size--;
	ret_text[size] = '\0';
	for (char *c = ret_text; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
}

int child_start(const char *const argv[], const char *const environment[], const char *package,
	struct child *ret_child)
{
	autoclose int output = -1;
	pid_t pid;
	int r;

	r = tempfile_in_memory(0, &output);
	if (r < 0)
		return report(r, "cannot start %s", argv[0]);
	fflush(NULL); /* or the child would write it out as well */
	pid = fork();
	if (pid < 0)
		return report(-errno, "cannot start %s", argv[0]);
	if (pid == 0)
		start(argv, environment, output);
	*ret_child = (struct child){pid, steal_fd(&output), argv[0], package};
	return 0;
}

static int wait_for(pid_t pid, int *ret_status)
{
	while (waitpid(pid, ret_status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static int report_end(const struct child *child, int status)
{
	char text[OUTPUT_MAX];

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	read_output(child->output, text);
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_START && !*text)
		return refuse(
			-ENOENT, "%s is not installed: install %s", child->name, child->package);
	if (WIFEXITED(status))
		return refuse(-ERR_TOOL, "%s: failed (%d)%s%s", child->name, WEXITSTATUS(status),
			*text ? ": " : "", text);
	return refuse(-ERR_TOOL, "%s: ended by signal %d%s%s", child->name, WTERMSIG(status),
		*text ? ": " : "", text);
}

int child_wait(struct child *child)
{
	int status = 0, r;

	r = wait_for(child->pid, &status);
	if (r == 0)
		r = report_end(child, status);
	close_fd(&child->output);
	child->pid = 0;
	return r;
}

void child_stop(struct child *child)
{
	if (child->pid == 0)
		return;
	(void)kill(child->pid, SIGKILL);
	(void)wait_for(child->pid, NULL);
	close_fd(&child->output);
	child->pid = 0;
}

int child_run(const char *const argv[], const char *const environment[], const char *package)
{
	struct child child;
	int r;

	r = child_start(argv, environment, package, &child);
	return r < 0 ? r : child_wait(&child);
}

/* A program that waits for something else, such as a network, is not waited for. */
static int wait_unless_interrupted(
	struct child *child, const struct observer *observer, int *ret_status)
{
	static const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};

	for (;;) {
		pid_t pid = waitpid(child->pid, ret_status, WNOHANG);

		if (pid > 0)
			return 0;
		if (pid < 0 && errno != EINTR)
			return -errno;
		if (observer_interrupted(observer)) {
			child_stop(child);
			return -EINTR;
		}
		nanosleep(&pause, NULL);
	}
}

int child_capture(const char *const argv[], const char *const environment[],
	const struct observer *observer, int *ret_status, char **ret_output)
{
	struct child child;
	size_t size;
	autofree char *output = NULL;
	int status = 0, r;

	r = child_start(argv, environment, NULL, &child);
	if (r < 0)
		return r;
	r = wait_unless_interrupted(&child, observer, &status);
	if (r == -EINTR)
		return r;
	if (r == 0)
		r = file_read_all(child.output, CAPTURE_MAX, (void **)&output, &size);
	close_fd(&child.output);
	if (r < 0)
		return report(r, "cannot read what %s prints", argv[0]);
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_START && size == 0)
		return -ENOENT;
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	*ret_output = steal_pointer(output);
	return 0;
}

int child_show(const char *const argv[])
{
	int status = 0, r;
	pid_t pid;

	log_debug("running %s %s", argv[0], argv[1] ? argv[1] : "");
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		start(argv, NULL, -1);
	r = wait_for(pid, &status);
	if (r < 0)
		return r;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
