/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Passphrases from files, from descriptors, and typed at the test's own terminal.
 */

#include "persistence/passphrase.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "said.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>

#define GOOD "correct horse battery staple"

static int get(
	enum passphrase_source source, const char *path, int fd, struct passphrase **ret_passphrase)
{
	int old = begin_listening();
	int r = passphrase_get(source, path, fd, ret_passphrase);

	end_listening(old);
	return r;
}

static int get_content(const char *content, size_t size, struct passphrase **ret_passphrase)
{
	autoclose int fd = file_with(content, size);
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return get(PASSPHRASE_FILE, path, -1, ret_passphrase);
}

static void assert_text(const struct passphrase *passphrase, const char *text)
{
	assert_int_equal(passphrase->size, strlen(text));
	assert_memory_equal(passphrase->text, text, strlen(text));
}

static void trailing_newline_is_not_part_of_it(void **state)
{
	cleanup(passphrase_freep) struct passphrase *with = NULL, *without = NULL, *inner = NULL;

	(void)state;
	assert_int_equal(get_content(GOOD "\n", sizeof(GOOD), &with), 0);
	assert_text(with, GOOD);
	assert_int_equal(get_content(GOOD, sizeof(GOOD) - 1, &without), 0);
	assert_text(without, GOOD);
	assert_int_equal(get_content("  spaces stay  ", 15, &inner), 0);
	assert_text(inner, "  spaces stay  ");
}

static void what_cannot_be_typed_is_refused(void **state)
{
	static const struct {
		const char *content;
		size_t size;
	} bad[] = {{"", 0}, {"\n", 1}, {GOOD "\n\n", sizeof(GOOD) + 1}, {"one\ntwo\n", 8},
		{"dos\r\n", 5}, {"a\0b", 3}, {"tab\there", 8}, {"\x7f", 1},
		/* As editors on Windows save it: UTF-8, UTF-16. */
		{"\xef\xbb\xbf" GOOD, sizeof(GOOD) + 2}, {"\xef\xbb\xbf", 3},
		{"\xff\xfeg\0o\0", 6}};
	struct passphrase *passphrase = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(
			get_content(bad[i].content, bad[i].size, &passphrase), -ERR_REFUSED);
		assert_int_equal(said_count, 1);
		assert_null(passphrase);
	}
}

static void length_has_a_bound(void **state)
{
	cleanup(passphrase_freep) struct passphrase *longest = NULL;
	struct passphrase *passphrase = NULL;
	char text[2 * PASSPHRASE_MAX];

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(get_content(text, PASSPHRASE_MAX + 1, &passphrase), -ERR_REFUSED);
	assert_int_equal(get_content(text, sizeof(text), &passphrase), -ERR_REFUSED);
	text[PASSPHRASE_MAX] = '\n';
	assert_int_equal(get_content(text, PASSPHRASE_MAX + 1, &longest), 0);
	assert_int_equal(longest->size, PASSPHRASE_MAX);
	assert_int_equal(get_content(text, PASSPHRASE_MAX + 2, &passphrase), -ERR_REFUSED);
}

static void missing_file_is_reported(void **state)
{
	struct passphrase *passphrase = NULL;

	(void)state;
	assert_int_equal(get(PASSPHRASE_FILE, "/nonexistent/phrase", -1, &passphrase), -ENOENT);
	assert_non_null(strstr(said, "/nonexistent/phrase"));
	assert_int_equal(get(PASSPHRASE_FILE, "/", -1, &passphrase), -EISDIR);
	assert_int_equal(get(PASSPHRASE_FD, NULL, 999, &passphrase), -EBADF);
	assert_non_null(strstr(said, "999"));
}

static void pipe_may_give_it_in_pieces(void **state)
{
	cleanup(passphrase_freep) struct passphrase *passphrase = NULL;
	int ends[2];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		for (const char *c = GOOD "\n"; *c; c++) {
			if (write(ends[1], c, 1) != 1)
				_exit(1);
			usleep(500);
		}
		_exit(0);
	}
	close(ends[1]);
	assert_int_equal(get(PASSPHRASE_FD, NULL, ends[0], &passphrase), 0);
	assert_text(passphrase, GOOD);
	close(ends[0]);
	waitpid(pid, NULL, 0);
}

/* A FIFO to which nobody writes, or only later. */
static void fifo_is_waited_for_until_a_signal_comes(void **state)
{
	cleanup(passphrase_freep) struct passphrase *passphrase = NULL;
	char folder[] = "/tmp/liveng-passphrase-XXXXXX", fifo[80];
	int status = 0;
	pid_t pid;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	pid = fork();
	if (pid == 0) {
		sigset_t held;

		/* Blocked, as the program has them while it watches for them. */
		sigemptyset(&held);
		sigaddset(&held, SIGINT);
		sigprocmask(SIG_BLOCK, &held, NULL);
		raise(SIGINT);
		alarm(10);
		_exit(get(PASSPHRASE_FILE, fifo, -1, &passphrase) == -EINTR ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);

	pid = fork();
	if (pid == 0) {
		autoclose int fd = open(fifo, O_WRONLY | O_CLOEXEC);

		_exit(fd >= 0 && write(fd, GOOD "\n", sizeof(GOOD)) == sizeof(GOOD) ? 0 : 1);
	}
	assert_int_equal(get(PASSPHRASE_FILE, fifo, -1, &passphrase), 0);
	assert_text(passphrase, GOOD);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	unlink(fifo);
	rmdir(folder);
}

static void it_stays_out_of_core_dumps(void **state)
{
	cleanup(passphrase_freep) struct passphrase *passphrase = NULL;
	cleanup(close_file) FILE *maps = NULL;
	char line[512], address[32];
	bool here = false, checked = false;
	struct rlimit limit;

	(void)state;
	assert_int_equal(get_content(GOOD, sizeof(GOOD) - 1, &passphrase), 0);
	snprintf(address, sizeof(address), "%lx-", (unsigned long)passphrase);
	maps = fopen("/proc/self/smaps", "re");
	while (fgets(line, sizeof(line), maps) && !checked) {
		if (strncmp(line, address, strlen(address)) == 0)
			here = true;
		if (here && strncmp(line, "VmFlags:", 8) == 0) {
			assert_non_null(strstr(line, " dd"));
#ifndef __SANITIZE_ADDRESS__ /* ignores mlock(2) */
			assert_non_null(strstr(line, " lo"));
#endif
			checked = true;
		}
	}
	assert_true(checked);
	assert_int_equal(getrlimit(RLIMIT_CORE, &limit), 0);
	assert_true(limit.rlim_cur <= 1);
}

/* Warnings go to stderr only: catch it. */
static void warnings_of(const char *text, const char *file, char ret_text[4096])
{
	autoclose int layout = file_with(file, strlen(file));
	struct passphrase passphrase = {.size = strlen(text)};
	struct keyboard keyboard;
	struct caught caught;
	char path[64];

	memcpy(passphrase.text, text, passphrase.size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", layout);
	keyboard_read(path, &keyboard);
	caught = begin_catching();
	passphrase_warn(&passphrase, &keyboard);
	end_catching(&caught, ret_text, 4096);
	assert_null(strstr(ret_text, text));
}

static void weak_and_hard_to_type_ones_cause_warnings(void **state)
{
	char text[4096];

	(void)state;
	warnings_of(GOOD, "XKBLAYOUT=us\n", text);
	assert_string_equal(text, "");
	warnings_of("elevenchars", "", text);
	assert_non_null(strstr(text, "11 characters"));
	/* Characters, not bytes. */
	warnings_of("z\xc3\xa4hlbar eleven", "", text);
	assert_null(strstr(text, "recommended"));
	assert_non_null(strstr(text, "ASCII"));
	warnings_of(" " GOOD, "", text);
	assert_non_null(strstr(text, "begins or ends with a blank"));
	warnings_of(GOOD " ", "", text);
	assert_non_null(strstr(text, "begins or ends with a blank"));
	warnings_of(GOOD, "XKBLAYOUT=de\n", text);
	assert_non_null(strstr(text, "(de)"));
}

/* Typing at a terminal: each item after the prompt that came before it. */
struct typist {
	int master;
	pid_t pid;
	char screen[4096];
	size_t size;
};

/* Runs in the child: its exit code tells how passphrase_get() went. */
static _Noreturn void be_asked(bool block)
{
	struct passphrase *passphrase = NULL;
	struct termios before, after;
	sigset_t set, pending;
	int r;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	if (block)
		sigprocmask(SIG_BLOCK, &set, NULL);
	tcgetattr(0, &before);
	r = passphrase_get(PASSPHRASE_PROMPT, NULL, -1, &passphrase);
	tcgetattr(0, &after);
	if (before.c_lflag != after.c_lflag || before.c_cc[VSUSP] != after.c_cc[VSUSP])
		_exit(99);
	if (r == -EINTR)
		_exit(sigpending(&pending) == 0 && sigismember(&pending, SIGINT) ? 4 : 98);
	if (r < 0)
		_exit(r == -ERR_REFUSED ? 3 : 97);
	_exit(passphrase->size == strlen(GOOD) &&
				memcmp(passphrase->text, GOOD, passphrase->size) == 0
			? 0
			: 96);
}

static void sit_down(struct typist *typist, bool block)
{
	*typist = (struct typist){.master = -1};
	typist->pid = forkpty(&typist->master, NULL, NULL, NULL);
	assert_true(typist->pid >= 0);
	if (typist->pid == 0) {
		signal(SIGINT, SIG_DFL); /* ignored in a shell's background processes */
		be_asked(block);
	}
}

/* Read the screen until @text has appeared on it @times times. */
static void wait_for(struct typist *typist, const char *text, int times)
{
	for (;;) {
		struct pollfd fd = {.fd = typist->master, .events = POLLIN};
		const char *at = typist->screen;
		int n = 0;
		ssize_t got;

		while ((at = strstr(at, text))) {
			n++;
			at++;
		}
		if (n >= times)
			return;
		assert_int_equal(poll(&fd, 1, 20000), 1);
		got = read(typist->master, typist->screen + typist->size,
			sizeof(typist->screen) - 1 - typist->size);
		assert_true(got > 0);
		typist->size += (size_t)got;
		typist->screen[typist->size] = '\0';
	}
}

static void type(const struct typist *typist, const char *text)
{
	assert_int_equal(write(typist->master, text, strlen(text)), strlen(text));
}

/* The child's exit status. */
static int leave(struct typist *typist)
{
	int status;

	for (;;) {
		ssize_t got = read(typist->master, typist->screen + typist->size,
			sizeof(typist->screen) - 1 - typist->size);

		if (got <= 0)
			break;
		typist->size += (size_t)got;
		typist->screen[typist->size] = '\0';
	}
	assert_int_equal(waitpid(typist->pid, &status, 0), typist->pid);
	close(typist->master);
	return status;
}

static void prompt_asks_twice_and_shows_nothing(void **state)
{
	struct typist typist;

	(void)state;
	sit_down(&typist, false);
	wait_for(&typist, "Passphrase", 1);
	type(&typist, GOOD "\n");
	wait_for(&typist, "again", 1);
	type(&typist, GOOD "\n");
	assert_int_equal(leave(&typist), 0);
	assert_null(strstr(typist.screen, "horse"));
}

static void different_answers_are_asked_again(void **state)
{
	struct typist typist;

	(void)state;
	sit_down(&typist, false);
	for (int i = 1; i <= 2; i++) {
		wait_for(&typist, "Passphrase", i);
		type(&typist, i == 1 ? "something else\n" : GOOD "\n");
		wait_for(&typist, "The same again", i);
		type(&typist, GOOD "\n");
	}
	assert_int_equal(leave(&typist), 0);

	sit_down(&typist, false);
	for (int i = 1; i <= 3; i++) {
		wait_for(&typist, "Passphrase", i);
		type(&typist, "something else\n");
		wait_for(&typist, "The same again", i);
		type(&typist, GOOD "\n");
	}
	assert_int_equal(WEXITSTATUS(leave(&typist)), 3);
	assert_non_null(strstr(typist.screen, "were not the same"));
}

static void invalid_answers_are_asked_again(void **state)
{
	char much[PASSPHRASE_MAX + 100] = "";
	const struct {
		const char *answer, *fault;
	} cases[] = {{"\n", "the passphrase is empty"}, {"\x04", "the passphrase is empty"},
		{"a\tb\n", "cannot be typed at boot"}, {much, "more than 512 bytes"}};
	struct typist typist;

	(void)state;
	memset(much, 'x', sizeof(much) - 1);
	much[sizeof(much) - 2] = '\n';
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		sit_down(&typist, false);
		wait_for(&typist, "Passphrase", 1);
		type(&typist, cases[i].answer);
		wait_for(&typist, cases[i].fault, 1);
		wait_for(&typist, "Passphrase", 2);
		type(&typist, GOOD "\n");
		wait_for(&typist, "The same again", 1);
		type(&typist, GOOD "\n");
		assert_int_equal(leave(&typist), 0);
	}
	sit_down(&typist, false);
	for (int i = 1; i <= 3; i++) {
		wait_for(&typist, "Passphrase", i);
		type(&typist, "\n");
	}
	assert_int_equal(WEXITSTATUS(leave(&typist)), 3);
	assert_non_null(strstr(typist.screen, "liveng: the passphrase is empty"));
}

static void interrupt_restores_the_terminal(void **state)
{
	struct typist typist;
	struct termios modes;
	int status;

	(void)state;
	/* The caller watches for signals: -EINTR, and the signal is still pending. */
	sit_down(&typist, true);
	wait_for(&typist, "Passphrase", 1);
	type(&typist, "half a word\x03");
	assert_int_equal(WEXITSTATUS(leave(&typist)), 4);
	assert_null(strstr(typist.screen, "half"));

	/* It does not: the signal terminates it, after the terminal's echo was restored. */
	sit_down(&typist, false);
	wait_for(&typist, "Passphrase", 1);
	assert_int_equal(tcgetattr(typist.master, &modes), 0);
	assert_false(modes.c_lflag & ECHO);
	type(&typist, "half a word\x03");
	assert_int_equal(waitpid(typist.pid, &status, 0), typist.pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
	assert_int_equal(tcgetattr(typist.master, &modes), 0);
	assert_true(modes.c_lflag & ECHO);
	close(typist.master);
}

static void without_a_terminal_the_options_are_named(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (pid == 0) {
		struct passphrase *passphrase = NULL;

		setsid();
		_exit(get(PASSPHRASE_PROMPT, NULL, -1, &passphrase) == -ERR_REFUSED &&
					strstr(said, "--passphrase-file")
				? 0
				: 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trailing_newline_is_not_part_of_it),
		cmocka_unit_test(what_cannot_be_typed_is_refused),
		cmocka_unit_test(length_has_a_bound),
		cmocka_unit_test(missing_file_is_reported),
		cmocka_unit_test(pipe_may_give_it_in_pieces),
		cmocka_unit_test(fifo_is_waited_for_until_a_signal_comes),
		cmocka_unit_test(it_stays_out_of_core_dumps),
		cmocka_unit_test(weak_and_hard_to_type_ones_cause_warnings),
		cmocka_unit_test(prompt_asks_twice_and_shows_nothing),
		cmocka_unit_test(different_answers_are_asked_again),
		cmocka_unit_test(invalid_answers_are_asked_again),
		cmocka_unit_test(interrupt_restores_the_terminal),
		cmocka_unit_test(without_a_terminal_the_options_are_named),
	};

	return cmocka_run_group_tests_name("passphrase", tests, NULL, NULL);
}
