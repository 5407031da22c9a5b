/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * What can a power cut leave? Takes the image of a stick before a program ran and iotrace's log of
 * what the program wrote and flushed, constructs the states, and checks each with stickcheck.
 *
 * The model: what was flushed is on the medium. Of the writes since the last flush any piece may
 * be there or not, in any order; a piece is what a device writes at once, 512, 2048 or 4096 bytes.
 * A state is counted once, however many ways lead to it.
 */

#include "crashstate.h"
#include "iotrace.h"
#include "stickcheck.h"

#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXHAUSTIVE 10 /* up to this many pieces every subset is tried */
#define ORDERED	   4  /* and up to this many overlapping ones every order */

struct run {
	struct stickcheck check;
	struct crashstate state;
	const char *image; /* the state's file */

	uint64_t random;
	unsigned long samples;	  /* of each window and piece size */
	unsigned long grub_every; /* every nth state is read by GRUB as well; 0: none */

	unsigned long states, bad, by_grub;
	int window;
	bool near_commit;
	unsigned long found[MAX_SETS];
};

/* xorshift64*: seeded, the same on every machine. */
static uint64_t draw(struct run *run, uint64_t below)
{
	run->random ^= run->random >> 12;
	run->random ^= run->random << 25;
	run->random ^= run->random >> 27;
	return (run->random * 2685821657736338717u >> 20) % below;
}

/* Does GRUB's own file system code read this file of the set, byte for byte? */
static bool grub_reads(const struct run *run, const struct known_set *set, const char *name)
{
	char local[4096], path[64];
	pid_t child;
	int status;

	snprintf(local, sizeof(local), "%s/%s", set->folder, name);
	snprintf(path, sizeof(path), "(loop0,gpt2)/live/%s", name);
	child = fork();
	if (child < 0)
		err(2, "fork");
	if (child == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		execlp("grub-fstest", "grub-fstest", run->image, "cmp", path, local, (char *)NULL);
		_exit(127);
	}
	if (waitpid(child, &status, 0) != child)
		err(2, "waitpid");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		errx(2, "grub-fstest cannot be run");
	return status == 0;
}

static void check_state(struct run *run, const char *how)
{
	char problem[PROBLEM_MAX];
	int set;

	if (!crashstate_is_new(&run->state))
		return;
	run->states++;
	set = stickcheck_state(&run->check, run->state.disk, problem);
	if (set != NO_SET) {
		run->found[set]++;
		if (run->grub_every == 0 ||
			(!run->near_commit && run->states % run->grub_every != 0))
			return;
		run->by_grub++;
		if (grub_reads(run, &run->check.sets[set], "vmlinuz") &&
			grub_reads(run, &run->check.sets[set], "initrd.img"))
			return;
		snprintf(problem, sizeof(problem), "GRUB does not read the set that is there");
	}
	run->bad++;
	if (run->bad <= 10)
		printf("bad: window %d, %s: %s\n", run->window, how, problem);
}

static bool overlap(const struct piece *pieces, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t j = i + 1; j < n; j++) {
			if (pieces[i].offset < pieces[j].offset + pieces[j].size &&
				pieces[j].offset < pieces[i].offset + pieces[i].size)
				return true;
		}
	}
	return false;
}

/* Every order of the chosen pieces (Heap's way of swapping). */
static void every_order(struct run *run, struct piece *chosen, size_t n, size_t k)
{
	if (k <= 1) {
		for (size_t i = 0; i < n; i++)
			crashstate_apply(&run->state, &chosen[i]);
		check_state(run, "a subset in another order");
		crashstate_undo(&run->state);
		return;
	}
	for (size_t i = 0; i < k; i++) {
		size_t other = k % 2 ? 0 : i;
		struct piece piece = chosen[other];

		every_order(run, chosen, n, k - 1);
		chosen[other] = chosen[k - 1];
		chosen[k - 1] = piece;
	}
}

static void every_subset(struct run *run, const struct piece *pieces, size_t n)
{
	struct piece chosen[EXHAUSTIVE];

	for (unsigned int bits = 0; bits < 1u << n; bits++) {
		size_t count = 0;

		for (size_t i = 0; i < n; i++) {
			if (bits & 1u << i)
				chosen[count++] = pieces[i];
		}
		for (size_t i = 0; i < count; i++)
			crashstate_apply(&run->state, &chosen[i]);
		check_state(run, "a subset");
		crashstate_undo(&run->state);
		if (count <= ORDERED && overlap(chosen, count))
			every_order(run, chosen, count, count);
	}
}

/* One state of a window with many pieces; the kinds are what devices are known to leave. */
static void sample(struct run *run, const struct piece *pieces, size_t n, unsigned long number)
{
	size_t from = (size_t)draw(run, n), to = (size_t)draw(run, n);
	uint64_t chance = 1 + draw(run, 15);

	switch (number % 6) {
	case 0:
		for (size_t i = 0; i <= from; i++)
			crashstate_apply(&run->state, &pieces[i]);
		check_state(run, "the first pieces");
		break;
	case 1:
		for (size_t i = n; i > from; i--)
			crashstate_apply(&run->state, &pieces[i - 1]);
		check_state(run, "the last pieces, backwards");
		break;
	case 2:
		for (size_t i = 0; i < n; i++) {
			if (i != from)
				crashstate_apply(&run->state, &pieces[i]);
		}
		check_state(run, "all but one piece");
		break;
	case 3:
		crashstate_apply(&run->state, &pieces[from]);
		if (to != from)
			crashstate_apply(&run->state, &pieces[to]);
		check_state(run, "one piece or two");
		break;
	case 4:
		for (size_t i = 0; i < n; i++) {
			if ((i < from) == (i < to))
				crashstate_apply(&run->state, &pieces[i]);
		}
		check_state(run, "all but a run of pieces");
		break;
	default:
		/* With pieces that overlap, in another order too. */
		for (size_t i = 0; i < n; i++) {
			size_t at = (number / 6) % 2 ? (i + from) % n : i;

			if (draw(run, 16) < chance)
				crashstate_apply(&run->state, &pieces[at]);
		}
		check_state(run, "some pieces");
	}
	crashstate_undo(&run->state);
}

/* Cut the writes at multiples of @grain on the disk. */
static size_t cut(const struct piece *writes, size_t n, uint64_t grain, struct piece *ret_pieces)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t at = 0;

		while (at < writes[i].size) {
			uint64_t piece = grain - (writes[i].offset + at) % grain;

			if (piece > writes[i].size - at)
				piece = writes[i].size - at;
			if (ret_pieces)
				ret_pieces[count] = (struct piece){
					writes[i].offset + at, piece, writes[i].data + at};
			count++;
			at += piece;
		}
	}
	return count;
}

/* Everything that may be on the medium if power fails before the flush that ends this window. */
static void check_window(struct run *run, const struct piece *writes, size_t n)
{
	static const uint64_t grains[] = {512, 2048, 4096};
	uint64_t total = 0;

	run->window++;
	run->near_commit = false;
	for (size_t i = 0; i < n; i++) {
		uint64_t head = run->check.start + ISO_PVD;

		total += writes[i].size;
		run->near_commit |= writes[i].offset < head + 16 * ISO_BLOCK &&
				    writes[i].offset + writes[i].size > head;
	}
	crashstate_reserve(&run->state, cut(writes, n, 512, NULL), total);

	for (size_t g = 0; g < 3; g++) {
		size_t n_pieces = cut(writes, n, grains[g], NULL);
		struct piece *pieces = allocate(n_pieces, sizeof(*pieces));

		cut(writes, n, grains[g], pieces);
		if (n_pieces <= EXHAUSTIVE) {
			every_subset(run, pieces, n_pieces);
		} else {
			for (unsigned long i = 0; i < run->samples; i++)
				sample(run, pieces, n_pieces, i);
		}
		free(pieces);
	}
	/* The prefixes; the last one, all the writes, is what the next window begins with. */
	for (size_t i = 0; i < n; i++) {
		crashstate_put(&run->state, &writes[i]);
		check_state(run, "the first writes");
	}
}

/* The next record of the log; false at its end. */
static bool next_record(const uint8_t *log, uint64_t size, uint64_t *at, struct iotrace_record *ret,
	struct piece *w)
{
	if (*at == size)
		return false;
	if (size - *at < sizeof(*ret))
		errx(2, "the log is truncated");
	memcpy(ret, log + *at, sizeof(*ret));
	*at += sizeof(*ret);
	if (ret->type != IOTRACE_WRITE)
		return true;
	if (size - *at < ret->size)
		errx(2, "the log is truncated");
	*w = (struct piece){ret->offset, ret->size, log + *at};
	*at += ret->size;
	return true;
}

/*
 * Replay the log on a private copy: what may grubenv contain after each flush, and does the log
 * contain everything the program wrote, so that the first image becomes the last one?
 */
static void rehearse(struct run *run, const uint8_t *log, uint64_t log_size, const char *final)
{
	struct iotrace_record record;
	struct piece write;
	const char *problem;
	uint64_t at = 0, final_size;
	uint8_t *disk = map_file(run->image, MAP_PRIVATE, NULL);

	problem = stickcheck_allow_grubenv(&run->check, disk);
	while (!problem && next_record(log, log_size, &at, &record, &write)) {
		if (record.type == IOTRACE_WRITE)
			memcpy(disk + write.offset, write.data, write.size);
		else if (record.type == IOTRACE_FLUSH)
			problem = stickcheck_allow_grubenv(&run->check, disk);
	}
	if (!problem)
		problem = stickcheck_allow_grubenv(&run->check, disk);
	if (problem)
		errx(3, "%s", problem);
	if (final) {
		const uint8_t *expected = map_file(final, MAP_SHARED, &final_size);

		if (final_size != run->state.size || memcmp(expected, disk, run->state.size) != 0)
			errx(3, "the log played on the first image does not give the last one");
	}
	munmap(disk, run->state.size);
}

static void check_log(struct run *run, const uint8_t *log, uint64_t log_size)
{
	struct piece *writes = allocate(log_size / sizeof(struct iotrace_record), sizeof(*writes));
	struct iotrace_record record;
	struct piece write;
	uint64_t at = 0;
	size_t n = 0;

	while (next_record(log, log_size, &at, &record, &write)) {
		if (record.type == IOTRACE_WRITE) {
			writes[n++] = write;
		} else if (record.type == IOTRACE_FLUSH && n > 0) {
			check_window(run, writes, n);
			n = 0;
		}
	}
	if (n > 0)
		check_window(run, writes, n);
	free(writes);
}

static const char usage[] =
	"usage: crashcheck [OPTION...] IMAGE [LOG]\n"
	"  IMAGE     the stick as it was; with LOG it becomes what it was in the end\n"
	"  LOG       what iotrace recorded; without it only IMAGE is checked\n"
	"  -p A:N    partition 2 begins at byte A and has N bytes\n"
	"  -g A      grubenv lies at byte A\n"
	"  -s DIR    a set (vmlinuz, initrd.img, release); repeat for each, they count from 0\n"
	"  -P SET    the set that is known to boot\n"
	"  -N SET    the set that is new\n"
	"  -f FINAL  the stick as it was in the end, to prove that the log is complete\n"
	"  -n N      samples of each window and piece size\n"
	"  -G N      GRUB reads each Nth state too, and all near the commit\n"
	"  -S SEED   another series of samples\n";

int main(int argc, char **argv)
{
	struct run run = {
		.check = {.grubenv = NO_GRUBENV, .proven = NO_SET, .fresh = NO_SET},
		.samples = 300,
		.random = 1,
	};
	char problem[PROBLEM_MAX];
	const char *final = NULL;
	uint64_t log_size = 0;
	uint8_t *log;
	int option;

	while ((option = getopt(argc, argv, "p:g:s:P:N:f:n:G:S:")) != -1) {
		char *rest = NULL;

		switch (option) {
		case 'p':
			run.check.start = strtoull(optarg, &rest, 10);
			run.check.size = *rest == ':' ? strtoull(rest + 1, NULL, 10) : 0;
			break;
		case 'g':
			run.check.grubenv = strtoull(optarg, NULL, 10);
			break;
		case 's':
			stickcheck_add_set(&run.check, optarg);
			break;
		case 'P':
			run.check.proven = atoi(optarg);
			break;
		case 'N':
			run.check.fresh = atoi(optarg);
			break;
		case 'f':
			final = optarg;
			break;
		case 'n':
			run.samples = strtoul(optarg, NULL, 10);
			break;
		case 'G':
			run.grub_every = strtoul(optarg, NULL, 10);
			break;
		case 'S':
			run.random = strtoull(optarg, NULL, 10) * 0x9e3779b97f4a7c15u | 1;
			break;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (argc - optind < 1 || argc - optind > 2 || run.check.n_sets == 0 ||
		run.check.size == 0) {
		fputs(usage, stderr);
		return 2;
	}

	run.image = argv[optind];
	crashstate_open(&run.state, run.image);
	if (run.check.start > run.state.size || run.check.size > run.state.size - run.check.start ||
		run.check.size < ISO_PVD + 16 * ISO_BLOCK ||
		(run.check.grubenv != NO_GRUBENV && run.check.grubenv > run.state.size - GRUBENV))
		errx(2, "a place past the end of the image");
	memcpy(run.check.identity, run.state.disk + run.check.start + ISO_PVD, ISO_BLOCK);

	log = argc - optind == 2 ? map_file(argv[optind + 1], MAP_SHARED, &log_size) : NULL;
	rehearse(&run, log, log_size, final);
	check_state(&run, "as it was");
	check_log(&run, log, log_size);

	/* After the sums: which set is current at the end, and in how many states each one was. */
	printf("states %lu bad %lu grub %lu last %d sets", run.states, run.bad, run.by_grub,
		stickcheck_state(&run.check, run.state.disk, problem));
	for (int i = 0; i < run.check.n_sets; i++)
		printf(" %lu", run.found[i]);
	printf("\n");
	return run.bad > 0;
}
