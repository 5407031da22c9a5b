/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "threads.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/util.h"
#include "disk/disk.h"

struct threads {
	size_t n;
	threads_work work;
	void *data;
	pthread_mutex_t lock;
	size_t next; /* these three under the lock */
	size_t done;
	int error;
};

/* Take the next piece, and hand in the previous one. */
static bool take(struct threads *threads, bool has_one, int error, size_t *ret_i)
{
	bool go_on;

	pthread_mutex_lock(&threads->lock);
	if (has_one && error == 0)
		threads->done++;
	if (threads->error == 0)
		threads->error = error;
	go_on = threads->error == 0 && threads->next < threads->n;
	if (go_on)
		*ret_i = threads->next++;
	pthread_mutex_unlock(&threads->lock);
	return go_on;
}

static size_t done(struct threads *threads)
{
	size_t n;

	pthread_mutex_lock(&threads->lock);
	n = threads->done;
	pthread_mutex_unlock(&threads->lock);
	return n;
}

static void *second_thread(void *data)
{
	struct threads *threads = data;
	autofree uint8_t *buffer = disk_buffer(THREADS_PIECE);
	size_t i;

	/* Without memory for the buffer the first thread does everything. */
	if (buffer)
		for (bool go_on = take(threads, false, 0, &i); go_on;)
			go_on = take(threads, true, threads->work(threads->data, i, buffer), &i);
	return NULL;
}

int threads_run(size_t n, threads_work work, threads_watch watch, void *data, uint8_t *buffer)
{
	struct threads threads = {
		.n = n, .work = work, .data = data, .lock = PTHREAD_MUTEX_INITIALIZER};
	pthread_t second;
	bool has_second = n > 1 && pthread_create(&second, NULL, second_thread, &threads) == 0;
	size_t i;

	for (bool go_on = take(&threads, false, 0, &i); go_on;) {
		int r = watch(data, done(&threads));

		if (r == 0)
			r = work(data, i, buffer);
		go_on = take(&threads, true, r, &i);
	}
	if (has_second)
		pthread_join(second, NULL);
	return threads.error;
}
