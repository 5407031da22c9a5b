/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Pieces processed by two threads: each once, none after an error. */

#include "output/threads.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/util.h"
#include "disk/disk.h"

#define MANY 200u

struct work {
	unsigned int times[MANY]; /* each piece was processed */
	size_t fails_at;
	size_t stops_at;
	bool is_over; /* an error or a stop has come: pieces far after it wait for that */
	pthread_t watcher;
};

/* However busy the machine: no thread comes to the end before the other one has come that far. */
static bool is_late(const struct work *work, size_t i)
{
	const size_t over = MIN(work->fails_at, work->stops_at);

	return over != SIZE_MAX && i > over + 100 &&
	       !__atomic_load_n(&work->is_over, __ATOMIC_SEQ_CST);
}

static int work_on(void *data, size_t i, uint8_t *buffer)
{
	const struct timespec moment = {.tv_nsec = 100000}, while_late = {.tv_nsec = 10000000};
	struct work *work = data;

	nanosleep(&moment, NULL);
	for (unsigned int tries = 0; is_late(work, i) && tries < 6000; tries++)
		nanosleep(&while_late, NULL);
	memset(buffer, (int)i, THREADS_PIECE / 1024);
	__atomic_add_fetch(&work->times[i], 1, __ATOMIC_SEQ_CST);
	if (i != work->fails_at)
		return 0;
	__atomic_store_n(&work->is_over, true, __ATOMIC_SEQ_CST);
	return -EIO;
}

static int watch(void *data, size_t done)
{
	struct work *work = data;

	assert_true(pthread_equal(pthread_self(), work->watcher));
	assert_true(done <= MANY);
	if (done < work->stops_at)
		return 0;
	__atomic_store_n(&work->is_over, true, __ATOMIC_SEQ_CST);
	return -EINTR;
}

static int run(struct work *work, size_t n)
{
	autofree uint8_t *buffer = disk_buffer(THREADS_PIECE);

	work->watcher = pthread_self();
	return threads_run(n, work_on, watch, work, buffer);
}

static unsigned int sum(const struct work *work)
{
	unsigned int n = 0;

	for (size_t i = 0; i < MANY; i++)
		n += work->times[i];
	return n;
}

static void each_piece_is_done_once(void **state)
{
	(void)state;
	for (size_t n = 0; n <= MANY; n = n ? 2 * n : 1) {
		struct work work = {.fails_at = SIZE_MAX, .stops_at = SIZE_MAX};

		assert_int_equal(run(&work, n), 0);
		for (size_t i = 0; i < MANY; i++)
			assert_int_equal(work.times[i], i < n);
	}
}

static void an_error_stops_it(void **state)
{
	struct work work = {.fails_at = 20, .stops_at = SIZE_MAX};

	(void)state;
	assert_int_equal(run(&work, MANY), -EIO);
	assert_in_range(sum(&work), 21, MANY - 1);
}

static void the_watcher_can_stop_it(void **state)
{
	struct work work = {.fails_at = SIZE_MAX, .stops_at = 30};

	(void)state;
	assert_int_equal(run(&work, MANY), -EINTR);
	assert_true(sum(&work) < MANY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_piece_is_done_once),
		cmocka_unit_test(an_error_stops_it),
		cmocka_unit_test(the_watcher_can_stop_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
