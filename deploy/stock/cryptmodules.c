/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "cryptmodules.h"

#include <string.h>

#include "base/util.h"

#define DEPTH_MAX 32u /* of dependencies that need each other */

static const char *const modules[] = {"dm_mod", "dm_crypt", "algif_skcipher"};

/* What cryptsetup makes by default, and what it made before; as the kernel asks for them. */
static const char *const algorithms[] = {"aes", "xts", "ecb", "cbc", "essiv", "sha256", "sha512",
	"xts(aes)", "cbc(aes)", "ecb(aes)"};

/* A line of modules.dep: `PATH: PATH PATH`. */
struct line {
	char name[CRYPTMODULES_NAME];
	const char *path;
	size_t length;
	bool is_chosen;
};

struct choice {
	const struct cryptmodules_index *index;
	struct line *lines; /* sorted by name */
	size_t n_lines;
	bool (*has)(void *data, const char *module);
	void *data;
};

void cryptmodules_name(const char *path, size_t length, char ret_name[CRYPTMODULES_NAME])
{
	const char *slash = memrchr(path, '/', length);
	const char *base = slash ? slash + 1 : path;
	size_t size = length - (size_t)(base - path);
	const char *dot = memchr(base, '.', size);

	size = MIN(dot ? (size_t)(dot - base) : size, (size_t)CRYPTMODULES_NAME - 1);
	for (size_t i = 0; i < size; i++)
		ret_name[i] = base[i] == '-' ? '_' : base[i];
	ret_name[size] = '\0';
}

static const char *next_line(const char *line)
{
	const char *end = strchrnul(line, '\n');

	return *end ? end + 1 : end;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct line *)a)->name, ((const struct line *)b)->name);
}

static int read_lines(struct choice *choice)
{
	size_t n = 0;

	for (const char *line = choice->index->dep; *line; line = next_line(line))
		n++;
	choice->lines = calloc(n + 1, sizeof(choice->lines[0]));
	if (!choice->lines)
		return -ENOMEM;
	for (const char *line = choice->index->dep; *line; line = next_line(line)) {
		struct line *entry = &choice->lines[choice->n_lines];
		size_t length = strcspn(line, ":\n");

		if (line[length] != ':')
			continue;
		cryptmodules_name(line, length, entry->name);
		entry->path = line;
		entry->length = length;
		choice->n_lines++;
	}
	qsort(choice->lines, choice->n_lines, sizeof(choice->lines[0]), compare_names);
	return 0;
}

static struct line *find_line(const struct choice *choice, const char *name)
{
	struct line key = {0};

	snprintf(key.name, sizeof(key.name), "%s", name);
	return bsearch(&key, choice->lines, choice->n_lines, sizeof(key), compare_names);
}

/* Is it one of the lines of modules.builtin? */
static bool is_builtin(const struct choice *choice, const char *name)
{
	char other[CRYPTMODULES_NAME];

	for (const char *line = choice->index->builtin; *line; line = next_line(line)) {
		cryptmodules_name(line, strcspn(line, "\n"), other);
		if (strcmp(other, name) == 0)
			return true;
	}
	return false;
}

static void choose(struct choice *choice, const char *name, unsigned int depth);

/* Each word of @words up to the end of the line, whether a name or a path. */
static void choose_each(struct choice *choice, const char *words, unsigned int depth)
{
	char name[CRYPTMODULES_NAME];

	for (;;) {
		size_t length;

		words += strspn(words, " \t");
		length = strcspn(words, " \t\n");
		if (length == 0)
			return;
		/* `softdep NAME pre: A B post: C` */
		if (words[length - 1] != ':') {
			cryptmodules_name(words, length, name);
			choose(choice, name, depth);
		}
		words += length;
	}
}

static void choose_softdeps(struct choice *choice, const char *name, unsigned int depth)
{
	char other[CRYPTMODULES_NAME];

	for (const char *line = choice->index->softdep; *line; line = next_line(line)) {
		size_t length;

		if (strncmp(line, "softdep ", 8) != 0)
			continue;
		length = strcspn(line + 8, " \n");
		cryptmodules_name(line + 8, length, other);
		if (strcmp(other, name) == 0)
			choose_each(choice, line + 8 + length, depth);
	}
}

static void choose(struct choice *choice, const char *name, unsigned int depth)
{
	struct line *line = find_line(choice, name);

	if (!line || line->is_chosen || depth > DEPTH_MAX || is_builtin(choice, name))
		return;
	line->is_chosen = true;
	choose_each(choice, line->path + line->length + 1, depth + 1);
	choose_softdeps(choice, name, depth + 1);
}

/* All modules that have this algorithm: the generic one, and those of some processors. */
static void choose_algorithm(struct choice *choice, const char *algorithm)
{
	char start[64];
	int length = snprintf(start, sizeof(start), "alias crypto-%s ", algorithm);

	for (const char *line = choice->index->alias; *line; line = next_line(line))
		if (strncmp(line, start, (size_t)length) == 0)
			choose_each(choice, line + length, 0);
}

/* The paths, then their texts, in one block. */
static int list(const struct choice *choice, char ***ret_paths)
{
	size_t n = 1, size = 0;
	char **paths, *text;

	for (size_t i = 0; i < choice->n_lines; i++) {
		if (!choice->lines[i].is_chosen)
			continue;
		n++;
		size += choice->lines[i].length + 1;
	}
	paths = calloc(1, n * sizeof(paths[0]) + size);
	if (!paths)
		return -ENOMEM;
	text = (char *)(paths + n);
	n = 0;
	for (size_t i = 0; i < choice->n_lines; i++) {
		const struct line *line = &choice->lines[i];

		if (!line->is_chosen || choice->has(choice->data, line->name))
			continue;
		memcpy(text, line->path, line->length);
		paths[n++] = text;
		text += line->length + 1;
	}
	*ret_paths = paths;
	return 0;
}

int cryptmodules_choose(const struct cryptmodules_index *index,
	bool (*has)(void *data, const char *module), void *data, char ***ret_paths)
{
	struct choice choice = {.index = index, .has = has, .data = data};
	int r = read_lines(&choice);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(modules); i++)
		choose(&choice, modules[i], 0);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(algorithms); i++)
		choose_algorithm(&choice, algorithms[i]);
	if (r == 0 && !find_line(&choice, "dm_crypt") && !is_builtin(&choice, "dm_crypt"))
		r = -ENOENT;
	if (r == 0)
		r = list(&choice, ret_paths);
	free(choice.lines);
	return r;
}

bool cryptmodules_has_path(const char *dep, const char *path)
{
	size_t length = strlen(path);

	for (const char *line = dep; *line; line = next_line(line))
		if (strncmp(line, path, length) == 0 && line[length] == ':')
			return true;
	return false;
}
