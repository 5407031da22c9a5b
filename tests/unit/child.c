/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Small programs that every system has.
 */

#include "base/child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>

#include "said.h"

static int run(const char *const argv[], const char *const environment[])
{
	int old = begin_listening();
	int r = child_run(argv, environment, "some-package");

	end_listening(old);
	return r;
}

static void success_is_silent(void **state)
{
	(void)state;
	assert_int_equal(run((const char *const[]){"true", NULL}, NULL), 0);
	assert_int_equal(run((const char *const[]){"sh", "-c", "echo talk >&2", NULL}, NULL), 0);
	assert_int_equal(said_count, 0);
}

static void failure_is_reported_with_its_output(void **state)
{
	(void)state;
	assert_int_equal(
		run((const char *const[]){"sh", "-c", "echo the words >&2; exit 3", NULL}, NULL),
		-ERR_TOOL);
	assert_string_equal(said, "sh: failed (3): the words");
	assert_int_equal(
		run((const char *const[]){"sh", "-c", "kill -9 $$", NULL}, NULL), -ERR_TOOL);
	assert_string_equal(said, "sh: ended by signal 9");
	assert_int_equal(said_count, 1);
}

static void of_long_output_the_end_is_kept(void **state)
{
	(void)state;
	assert_int_equal(
		run((const char *const[]){"sh", "-c", "seq 100000; echo why; exit 1", NULL}, NULL),
		-ERR_TOOL);
	assert_true(strlen(said) < 2000);
	assert_string_equal(said + strlen(said) - 4, " why");
}

static void what_it_prints_can_be_had(void **state)
{
	char *text = NULL;
	int status, old = begin_listening();

	(void)state;
	assert_int_equal(child_capture((const char *const[]){"sh", "-c",
					       "echo out; echo err >&2; exit 3", NULL},
				 NULL, NULL, &status, &text),
		0);
	assert_int_equal(status, 3);
	assert_string_equal(text, "out\nerr\n");
	free(text);
	assert_int_equal(child_capture((const char *const[]){"sh", "-c", "kill -9 $$", NULL}, NULL,
				 NULL, &status, &text),
		0);
	assert_int_equal(status, -1);
	free(text);
	assert_int_equal(child_capture((const char *const[]){"no-such-program", NULL}, NULL, NULL,
				 &status, &text),
		-ENOENT);
	end_listening(old);
	assert_int_equal(said_count, 0);
}

static bool is_interrupted(void *data)
{
	return ++*(int *)data > 2;
}

static void an_interruption_ends_it(void **state)
{
	int asked = 0, status = 0;
	const struct observer observer = {.interrupted = is_interrupted, .data = &asked};
	char *text = NULL;

	(void)state;
	assert_int_equal(child_capture((const char *const[]){"sleep", "600", NULL}, NULL, &observer,
				 &status, &text),
		-EINTR);
	assert_null(text);
}

static void missing_program_names_the_package(void **state)
{
	(void)state;
	assert_int_equal(run((const char *const[]){"liveng-no-such-program", NULL}, NULL), -ENOENT);
	assert_non_null(strstr(said, "install some-package"));
}

static void program_gets_the_environment_and_no_input(void **state)
{
	const char *const environment[] = {"LIVENG_WORD=here", NULL};

	(void)state;
	assert_int_equal(run((const char *const[]){"sh", "-c",
				     "test \"$LIVENG_WORD\" = here && ! read line", NULL},
				 environment),
		0);
	assert_null(getenv("LIVENG_WORD"));
}

static void sbin_folders_are_searched(void **state)
{
	autofree char *path = strdup(getenv("PATH"));
	int r;

	(void)state;
	setenv("PATH", "/usr/bin:/bin", 1);
	r = run((const char *const[]){"mke2fs", "-V", NULL}, NULL);
	setenv("PATH", path, 1);
	assert_int_equal(r, 0);
}

static void running_program_is_waited_for(void **state)
{
	const char *const argv[] = {"sh", "-c", "exit 5", NULL};
	struct child child = {0};
	int old = begin_listening();

	(void)state;
	assert_int_equal(child_start(argv, NULL, "some-package", &child), 0);
	assert_true(child.pid > 0);
	assert_int_equal(child_wait(&child), -ERR_TOOL);
	end_listening(old);
	assert_string_equal(said, "sh: failed (5)");
	assert_int_equal(child.pid, 0);
	child_stop(&child);
}

static void unwanted_program_is_stopped(void **state)
{
	const char *const argv[] = {"sleep", "600", NULL};
	struct child child = {0};
	pid_t pid;

	(void)state;
	assert_int_equal(child_start(argv, NULL, "some-package", &child), 0);
	pid = child.pid;
	child_stop(&child);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
	child_stop(&child);
}

/* Run it with our standard error going to a file; returns the file's content. */
static int show(const char *const argv[], char ret_text[64])
{
	struct caught caught = begin_catching();
	int r = child_show(argv);

	end_catching(&caught, ret_text, 64);
	return r;
}

static void shown_program_writes_to_standard_error(void **state)
{
	char text[64];

	(void)state;
	assert_int_equal(
		show((const char *const[]){"sh", "-c", "echo one; echo two >&2; exit 3", NULL},
			text),
		3);
	assert_string_equal(text, "one\ntwo\n");
	assert_int_equal(show((const char *const[]){"sh", "-c", "kill -9 $$", NULL}, text), 137);
	assert_int_equal(show((const char *const[]){"liveng-no-such-program", NULL}, text), 127);
}

/* The program reads its signals from a descriptor; dpkg does not. */
static void shown_program_can_be_interrupted(void **state)
{
	/* A shell makes background processes ignore it. */
	void (*before)(int) = signal(SIGINT, SIG_DFL);
	sigset_t blocked, old;
	char text[64];

	(void)state;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGINT);
	sigprocmask(SIG_BLOCK, &blocked, &old);
	assert_int_equal(
		show((const char *const[]){"sh", "-c", "kill -INT $$; exit 0", NULL}, text),
		128 + SIGINT);
	sigprocmask(SIG_SETMASK, &old, NULL);
	signal(SIGINT, before);
}

static void what_is_ignored_here_is_not_there(void **state)
{
	char text[64];

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	assert_int_equal(
		show((const char *const[]){"sh", "-c", "kill -PIPE $$; exit 0", NULL}, text),
		128 + SIGPIPE);
	(void)signal(SIGPIPE, SIG_DFL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(success_is_silent),
		cmocka_unit_test(failure_is_reported_with_its_output),
		cmocka_unit_test(of_long_output_the_end_is_kept),
		cmocka_unit_test(what_it_prints_can_be_had),
		cmocka_unit_test(an_interruption_ends_it),
		cmocka_unit_test(missing_program_names_the_package),
		cmocka_unit_test(program_gets_the_environment_and_no_input),
		cmocka_unit_test(sbin_folders_are_searched),
		cmocka_unit_test(running_program_is_waited_for),
		cmocka_unit_test(unwanted_program_is_stopped),
		cmocka_unit_test(shown_program_writes_to_standard_error),
		cmocka_unit_test(shown_program_can_be_interrupted),
		cmocka_unit_test(what_is_ignored_here_is_not_there),
	};

	return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
