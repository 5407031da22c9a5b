/* SPDX-License-Identifier: GPL-3.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "program/interrupt.h"
#include "progressfd.h"
#include "said.h"
#include "workers.h"

#define BYTES	1000u
#define WARNING "test: warning: "

static const struct workers_settings quiet = {.progress_fd = -1};

/* A clock that stands still where a busy machine must not matter. */
static bool clock_stands;
static struct timespec clock_now = {.tv_sec = 1000};

int clock_gettime(clockid_t id, struct timespec *now)
{
	if (!clock_stands)
		return (int)syscall(SYS_clock_gettime, id, now);
	*now = clock_now;
	return 0;
}

/* What is shown, as a file. */
static int shown = -1;

/* Run with standard error going to a file; gives its text. */
static const char *run(struct worker *workers, size_t n, workers_work work, void *data,
	const struct workers_settings *settings)
{
	static char text[300000];
	struct caught caught = begin_catching();
	int r;

	shown = caught.file;
	r = workers_run(workers, n, work, data, settings);
	end_catching(&caught, text, sizeof(text));
	assert_int_equal(r, 0);
	return text;
}

static int say_number(void *data, size_t i, const struct observer *observer)
{
	(void)observer;
	log_warning("has %d", (int)i + *(int *)data);
	if (i == 1) {
		log_error("number %zu does not work", i);
		return -ERR_VERIFY;
	}
	return 0;
}

static const char *text_of(const struct worker *member, const char *name)
{
	return json_object_to_json_string_ext(
		json_object_object_get(member->said, name), JSON_C_TO_STRING_PLAIN);
}

static void each_ones_messages_are_kept_separately(void **state)
{
	struct worker workers[3] = {{.name = "a"}, {.name = "b"}, {.name = "c"}};
	int base = 40;
	const char *said_text;

	(void)state;
	said_text = run(workers, 3, say_number, &base, &quiet);
	assert_int_equal(workers[0].error, 0);
	assert_int_equal(workers[1].error, -ERR_VERIFY);
	assert_int_equal(workers[2].error, 0);
	assert_string_equal(text_of(&workers[0], "warnings"), "[\"has 40\"]");
	assert_string_equal(text_of(&workers[1], "warnings"), "[\"has 41\"]");
	assert_string_equal(text_of(&workers[2], "warnings"), "[\"has 42\"]");
	assert_string_equal(text_of(&workers[1], "errors"), "[\"number 1 does not work\"]");
	assert_string_equal(text_of(&workers[2], "errors"), "[]");
	assert_non_null(strstr(said_text, "test: number 1 does not work\n"));
	for (size_t i = 0; i < ARRAY_SIZE(workers); i++)
		json_object_put(workers[i].said);
}

static int die(void *data, size_t i, const struct observer *observer)
{
	(void)data, (void)observer;
	if (i == 0)
		(void)raise(SIGKILL);
	if (i == 1)
		_exit(0);
	return 0;
}

static void a_crash_is_one_members_failure(void **state)
{
	struct worker workers[3] = {{.name = "a"}, {.name = "b"}, {.name = "c"}};
	const char *said_text;

	(void)state;
	said_text = run(workers, 3, die, NULL, &quiet);
	assert_int_equal(workers[0].error, -ERR_TOOL);
	assert_int_equal(workers[1].error, -ERR_TOOL);
	assert_int_equal(workers[2].error, 0);
	assert_null(workers[0].said);
	assert_non_null(strstr(said_text, "a: the process writing it was killed by signal 9"));
	assert_non_null(strstr(said_text, "b: the process writing it ended without a result"));
	json_object_put(workers[2].said);
}

static int say_much(void *data, size_t i, const struct observer *observer)
{
	char text[1001] = "";

	(void)data, (void)observer;
	memset(text, 'a' + (int)i, sizeof(text) - 1);
	for (int line = 0; line < 100; line++)
		log_warning("%s", text);
	for (int line = 0; line < 20; line++) {
		fprintf(stderr, "%c", 'a' + (int)i);
		fprintf(stderr, "%c\n", 'a' + (int)i);
	}
	fprintf(stderr, "..");
	return 0;
}

static void lines_stay_whole(void **state)
{
	struct worker workers[2] = {{.name = "a"}, {.name = "b"}};
	const char *said_text;
	unsigned int n = 0;

	(void)state;
	said_text = run(workers, 2, say_much, NULL, &quiet);
	for (const char *line = said_text; *line; line = strchr(line, '\n') + 1, n++) {
		const char *word = strncmp(line, WARNING, strlen(WARNING)) == 0
					   ? line + strlen(WARNING)
					   : line;
		size_t length = strspn(word, (const char[]){*word, 0});

		assert_int_equal(word == line ? 2 : 1000, length);
		assert_int_equal(word[length], '\n');
	}
	assert_int_equal(n, 242);
	assert_int_equal(
		json_object_array_length(json_object_object_get(workers[1].said, "warnings")), 100);
	json_object_put(workers[0].said);
	json_object_put(workers[1].said);
}

/* Otherwise nothing might be drawn of this one before it is over. */
static void wait_until_drawn(const char *text)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	char drawn[65536];

	for (unsigned int tries = 0; tries < 6000; tries++) {
		ssize_t n = pread(shown, drawn, sizeof(drawn) - 1, 0);

		drawn[MAX(n, 0)] = '\0';
		if (strstr(drawn, text))
			return;
		nanosleep(&pause, NULL);
	}
}

static int progress(void *data, size_t i, const struct observer *observer)
{
	(void)data;
	for (unsigned int done = 0; done <= BYTES; done++)
		observer_progress(observer, "writing", done, BYTES);
	wait_until_drawn(i == 0 ? "sda writing " : "b?[1m writing ");
	observer_progress(observer, "verifying", BYTES, BYTES);
	return 0;
}

static void progress_names_the_target(void **state)
{
	autoclose int fd = file_with("", 0);
	const struct workers_settings settings = {.progress_fd = fd, .draws = true};
	struct worker workers[2] = {{.name = "/dev/sda"}, {.name = "b\033[1m"}};
	const char *said_text;
	char text[4096];
	ssize_t n;

	(void)state;
	said_text = run(workers, 2, progress, NULL, &settings);
	n = pread(fd, text, sizeof(text) - 1, 0);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(
		strstr(text, "{\"target\":\"/dev/sda\",\"phase\":\"writing\",\"done\":0,\"total\":"
			     "1000,\"rate\":null,\"seconds_left\":null}\n"));
	assert_non_null(
		strstr(text, "{\"target\":\"b\\u001b[1m\",\"phase\":\"writing\",\"done\":1000,"));
	assert_non_null(
		strstr(text, "{\"target\":\"b\\u001b[1m\",\"phase\":\"verifying\",\"done\":1000,"));
	/* Drawn, safe for a terminal, and erased at the end. */
	assert_non_null(strstr(said_text, "b?[1m writing "));
	assert_null(strstr(said_text, "\033[1m"));
	assert_non_null(strstr(said_text, "\r\033[K"));
	json_object_put(workers[0].said);
	json_object_put(workers[1].said);
}

static bool was_asked(void *data)
{
	return interrupt_arrived(*(int *)data);
}

static int wait_for_interruption(void *data, size_t i, const struct observer *observer)
{
	const struct timespec pause = {.tv_nsec = 10000000};

	(void)data, (void)i;
	for (unsigned int tries = 0; tries < 3000; tries++) {
		if (observer_interrupted(observer))
			return -EINTR;
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* In a separate child: signals stay blocked. */
static void all_are_notified_of_an_interruption(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		int fd = interrupt_open();
		const struct observer observer = {NULL, was_asked, &fd};
		const struct workers_settings settings = {.observer = &observer, .progress_fd = -1};
		struct worker workers[2] = {{.name = "a"}, {.name = "b"}};

		/* Only the parent gets it. */
		(void)raise(SIGTERM);
		(void)workers_run(workers, 2, wait_for_interruption, NULL, &settings);
		_exit(workers[0].error == -EINTR && workers[1].error == -EINTR ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_reader_that_went_away_is_not_an_error(void **state)
{
	struct progressfd progressfd;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	(void)signal(SIGPIPE, SIG_IGN);
	progressfd_init(&progressfd, fds[1], "x");
	progressfd_update(&progressfd, "writing", 0, BYTES);
	assert_int_equal(progressfd.fd, -1);
	progressfd_update(&progressfd, "writing", BYTES, BYTES);
	close(fds[1]);
}

/* The lines of a piece of work, each 0.3 s after the one before. */
static void rate_and_time_left_are_reported(void **state)
{
	autoclose int fd = file_with("", 0);
	struct progressfd progressfd;
	char text[2048];
	ssize_t n;
	struct json_object *line;
	char *last;

	(void)state;
	clock_stands = true;
	progressfd_init(&progressfd, fd, "x");
	for (unsigned int i = 0; i < 3; i++) {
		progressfd_update(&progressfd, "writing", i * 100000000u, 1000000000u);
		progressfd_update(
			&progressfd, "writing", i * 100000000u + 1, 1000000000u); /* too soon */
		clock_now.tv_nsec += 300000000;
	}
	clock_stands = false;
	n = pread(fd, text, sizeof(text) - 1, 0);
	assert_true(n > 1);
	text[n - 1] = '\0';
	last = strrchr(text, '\n');
	line = json_tokener_parse(last);
	assert_int_equal(json_object_get_int64(json_object_object_get(line, "done")), 200000000);
	/* 200 MB in 0.6 s. */
	assert_in_range(
		json_object_get_int64(json_object_object_get(line, "rate")), 333333333, 333333334);
	assert_in_range(json_object_get_int64(json_object_object_get(line, "seconds_left")), 2, 3);
	json_object_put(line);
}

static int set_up(void **state)
{
	(void)state;
	log_init("test", LOG_NORMAL);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_ones_messages_are_kept_separately),
		cmocka_unit_test(a_crash_is_one_members_failure),
		cmocka_unit_test(lines_stay_whole),
		cmocka_unit_test(progress_names_the_target),
		cmocka_unit_test(all_are_notified_of_an_interruption),
		cmocka_unit_test(a_reader_that_went_away_is_not_an_error),
		cmocka_unit_test(rate_and_time_left_are_reported),
	};

	return cmocka_run_group_tests_name("workers", tests, set_up, NULL);
}
