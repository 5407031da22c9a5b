/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * A program of ours in which one of its own calls fails: the first, then in another run the second,
 * and so on to the last. Linked into the program with `ld --wrap`, so that only calls in our own
 * objects are counted, not those of libraries. Each run is a fork of this process, which costs a
 * hundredth of an exec.
 *
 * owncalls KIND FIRST STEP ORIGINAL COPY ARGUMENTS...
 *
 * KIND: alloc, file (one is opened or made) or write. FIRST, STEP: which calls fail. COPY is made
 * of ORIGINAL before each run, or removed ("-"). Prints a line for each run that broke a rule, and
 * at the end how many calls there are, how many failed, how many of these ended the program, and
 * how many broke a rule:
 *
 * - a signal does not end it, nor a status that the manual page does not know;
 * - a status other than 0 comes with an error message;
 * - what is full is not called the target (5) unless the message names that.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATUS_MAX     7
#define STATUS_NO_ROOM 5
#define OUTPUT_MAX     65536u
#define PIECE	       65536u

enum kind { ALLOC, FILES, WRITES };

/* Shared between this process and the run. */
static struct shared {
	unsigned long calls; /* of the kind, so far */
	bool failed;	     /* the one that had to */
	char name[32];	     /* what it was */
} * shared;

static bool is_counting;
static enum kind counted_kind;
static unsigned long fails_at;

static bool fails(enum kind kind, const char *name)
{
	if (!is_counting || kind != counted_kind ||
		__atomic_add_fetch(&shared->calls, 1, __ATOMIC_SEQ_CST) != fails_at)
		return false;
	shared->failed = true;
	strcpy(shared->name, name);
	return true;
}

/* What the programs call goes to __wrap_NAME, and __real_NAME is the C library's. */
#define WRAP(kind, name, result, parameters, arguments, number, failure) \
	result __real_##name parameters;                                 \
	result __wrap_##name parameters;                                 \
	result __wrap_##name parameters                                  \
	{                                                                \
		if (!fails(kind, #name))                                 \
			return __real_##name arguments;                  \
		errno = number;                                          \
		return failure;                                          \
	}

WRAP(ALLOC, malloc, void *, (size_t size), (size), ENOMEM, NULL)
WRAP(ALLOC, calloc, void *, (size_t n, size_t size), (n, size), ENOMEM, NULL)
WRAP(ALLOC, realloc, void *, (void *p, size_t size), (p, size), ENOMEM, NULL)
WRAP(ALLOC, strdup, char *, (const char *text), (text), ENOMEM, NULL)
WRAP(ALLOC, reallocarray, void *, (void *p, size_t n, size_t size), (p, n, size), ENOMEM, NULL)
WRAP(ALLOC, open_memstream, FILE *, (char **p, size_t *size), (p, size), ENOMEM, NULL)
WRAP(ALLOC, fdopen, FILE *, (int fd, const char *mode), (fd, mode), ENOMEM, NULL)
WRAP(ALLOC, realpath, char *, (const char *path, char *resolved), (path, resolved), ENOMEM, NULL)
WRAP(ALLOC, strndup, char *, (const char *text, size_t size), (text, size), ENOMEM, NULL)

int __real_posix_memalign(void **p, size_t alignment, size_t size);
int __wrap_posix_memalign(void **p, size_t alignment, size_t size);
int __wrap_posix_memalign(void **p, size_t alignment, size_t size)
{
	return fails(ALLOC, "posix_memalign") ? ENOMEM : __real_posix_memalign(p, alignment, size);
}

int __real_vasprintf(char **p, const char *format, va_list arguments);
int __wrap_vasprintf(char **p, const char *format, va_list arguments);
int __wrap_vasprintf(char **p, const char *format, va_list arguments)
{
	if (!fails(ALLOC, "vasprintf"))
		return __real_vasprintf(p, format, arguments);
	*p = NULL;
	errno = ENOMEM;
	return -1;
}

int __wrap_asprintf(char **p, const char *format, ...);
int __wrap_asprintf(char **p, const char *format, ...)
{
	va_list arguments;
	int r;

	va_start(arguments, format);
	r = __wrap_vasprintf(p, format, arguments);
	va_end(arguments);
	return r;
}

WRAP(ALLOC, getdelim, ssize_t, (char **line, size_t *size, int end, FILE *stream),
	(line, size, end, stream), ENOMEM, -1)
WRAP(FILES, mkdtemp, char *, (char *path), (path), ENOSPC, NULL)
WRAP(FILES, fopen64, FILE *, (const char *path, const char *mode), (path, mode), EMFILE, NULL)
WRAP(WRITES, pwrite64, ssize_t, (int fd, const void *bytes, size_t size, off_t offset),
	(fd, bytes, size, offset), ENOSPC, -1)
WRAP(WRITES, write, ssize_t, (int fd, const void *bytes, size_t size), (fd, bytes, size), ENOSPC,
	-1)
WRAP(FILES, ftruncate64, int, (int fd, off_t size), (fd, size), ENOSPC, -1)
WRAP(FILES, memfd_create, int, (const char *name, unsigned int flags), (name, flags), ENOSPC, -1)
WRAP(FILES, mkostemp64, int, (char *path, int flags), (path, flags), ENOSPC, -1)

static mode_t mode_of(int flags, va_list arguments)
{
	return flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(arguments, int) : 0;
}

/* A file that is made may find no room. */
static int file_error(int flags)
{
	return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? ENOSPC : EMFILE;
}

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = mode_of(flags, arguments);
	va_end(arguments);
	if (!fails(FILES, "open"))
		return __real_open64(path, flags, mode);
	errno = file_error(flags);
	return -1;
}

int __real_openat64(int folder, const char *path, int flags, ...);
int __wrap_openat64(int folder, const char *path, int flags, ...);
int __wrap_openat64(int folder, const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = mode_of(flags, arguments);
	va_end(arguments);
	if (!fails(FILES, "openat"))
		return __real_openat64(folder, path, flags, mode);
	errno = file_error(flags);
	return -1;
}

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

/* Make @copy what @original is, writing only what differs. */
static void restore(const char *original, const char *copy)
{
	static char pieces[2][PIECE];
	int from, to;
	struct stat st;

	if (strcmp(original, "-") == 0) {
		if (unlink(copy) < 0 && errno != ENOENT)
			die(copy);
		return;
	}
	from = open(original, O_RDONLY | O_CLOEXEC);
	to = open(copy, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (from < 0 || to < 0 || fstat(from, &st) < 0 || ftruncate(to, st.st_size) < 0)
		die(copy);
	for (off_t at = 0; at < st.st_size; at += PIECE) {
		ssize_t n = pread(from, pieces[0], PIECE, at);

		if (n < 0 || pread(to, pieces[1], PIECE, at) != n)
			die(copy);
		if (memcmp(pieces[0], pieces[1], (size_t)n) != 0 &&
			pwrite(to, pieces[0], (size_t)n, at) != n)
			die(copy);
	}
	close(from);
	close(to);
}

int __real_main(int argc, char **argv);
int __wrap_main(int argc, char **argv);

/* One run; its status as waitpid() has it, and what it said. */
static int run(int argc, char **argv, char output[OUTPUT_MAX])
{
	int fd = memfd_create("output", MFD_CLOEXEC), status;
	ssize_t n;
	pid_t pid;

	if (fd < 0)
		die("memfd_create");
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		if (dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
			_exit(EXIT_FAILURE);
		is_counting = true;
		exit(__real_main(argc, argv));
	}
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	n = pread(fd, output, OUTPUT_MAX - 1, 0);
	output[n > 0 ? n : 0] = '\0';
	close(fd);
	return status;
}

/* Is one of the lines an error message? */
static bool has_error(const char *output, const char *program)
{
	const size_t length = strlen(program);

	for (const char *line = output; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, program, length) == 0 && line[length] == ':' &&
			strncmp(line + length, ": warning: ", 11) != 0)
			return true;
	}
	return false;
}

static const char *broken_rule(
	int status, const char *output, const char *program, const char *target)
{
	if (WIFSIGNALED(status))
		return strsignal(WTERMSIG(status));
	if (WEXITSTATUS(status) > STATUS_MAX)
		return "an unknown status";
	if (WEXITSTATUS(status) != 0 && !has_error(output, program))
		return "failed without a word";
	if (WEXITSTATUS(status) == STATUS_NO_ROOM && !strstr(output, target))
		return "the target is called too small";
	return NULL;
}

int __wrap_main(int argc, char **argv)
{
	unsigned long step, failed = 0, ended = 0, broken = 0;
	const char *slash = strrchr(argv[0], '/'), *program = slash ? slash + 1 : argv[0];
	static char output[OUTPUT_MAX];

	if (argc < 7) {
		fputs("usage: owncalls KIND FIRST STEP ORIGINAL COPY ARGUMENTS...\n", stderr);
		return EXIT_FAILURE;
	}
	counted_kind = strcmp(argv[1], "alloc") == 0   ? ALLOC
		       : strcmp(argv[1], "write") == 0 ? WRITES
						       : FILES;
	fails_at = strtoul(argv[2], NULL, 10);
	step = strtoul(argv[3], NULL, 10);
	shared = mmap(
		NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("mmap");
	for (;; fails_at += step) {
		const char *rule;
		int status;

		*shared = (struct shared){0};
		restore(argv[4], argv[5]);
		status = run(argc - 5, argv + 5, output);
		if (!shared->failed)
			break;
		failed++;
		ended += status != 0;
		rule = broken_rule(status, output, program, argv[5]);
		if (!rule)
			continue;
		broken++;
		printf("%s number %lu, status %#x: %s\n%s\n", shared->name, fails_at, status, rule,
			output);
	}
	printf("%lu calls, %lu failed, %lu ended the program, %lu broke a rule\n", shared->calls,
		failed, ended, broken);
	return broken > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
