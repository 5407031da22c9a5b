/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "threads.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "disk/disk.h"
#include "base/util.h"

struct lanes {
	size_t n;
	lanes_job job;
	void *data;
	pthread_mutex_t lock;
	size_t next; /* these three under the lock */
	size_t done;
	int error;
};

/* Take the next piece, and give the one before back. */
static bool take(struct lanes *lanes, bool has_one, int error, size_t *ret_i)
{
	bool go_on;

	pthread_mutex_lock(&lanes->lock);
	if (has_one && error == 0)
		lanes->done++;
	if (lanes->error == 0)
		lanes->error = error;
	go_on = lanes->error == 0 && lanes->next < lanes->n;
	if (go_on)
		*ret_i = lanes->next++;
	pthread_mutex_unlock(&lanes->lock);
	return go_on;
}

static size_t done(struct lanes *lanes)
{
	size_t n;

	pthread_mutex_lock(&lanes->lock);
	n = lanes->done;
	pthread_mutex_unlock(&lanes->lock);
	return n;
}

static void *second_lane(void *data)
{
	struct lanes *lanes = data;
	autofree uint8_t *buffer = disk_buffer(LANES_PIECE);
	size_t i;

	/* Without memory for it the first lane does all. */
	if (buffer)
		for (bool go_on = take(lanes, false, 0, &i); go_on;)
			go_on = take(lanes, true, lanes->job(lanes->data, i, buffer), &i);
	return NULL;
}

int lanes_run(size_t n, lanes_job job, lanes_watch watch, void *data, uint8_t *buffer)
{
	struct lanes lanes = {.n = n, .job = job, .data = data, .lock = PTHREAD_MUTEX_INITIALIZER};
	pthread_t second;
	bool has_second = n > 1 && pthread_create(&second, NULL, second_lane, &lanes) == 0;
	size_t i;

	for (bool go_on = take(&lanes, false, 0, &i); go_on;) {
		int r = watch(data, done(&lanes));

		if (r == 0)
			r = job(data, i, buffer);
		go_on = take(&lanes, true, r, &i);
	}
	if (has_second)
		pthread_join(second, NULL);
	return lanes.error;
}
