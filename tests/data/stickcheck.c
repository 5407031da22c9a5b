/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "stickcheck.h"

#include <ctype.h>
#include <err.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void load(const char *folder, const char *name, struct content *ret)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	char path[4096];
	struct stat st;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "rb");
	if (!f || fstat(fileno(f), &st) < 0)
		err(2, "%s", path);
	ret->size = (uint64_t)st.st_size;
	ret->data = malloc(ret->size + 1);
	if (!ret->data || fread(ret->data, 1, ret->size, f) != ret->size)
		err(2, "%s", path);
	fclose(f);
	if (!EVP_Digest(ret->data, ret->size, digest, NULL, EVP_sha256(), NULL))
		errx(2, "cannot hash %s", path);
	for (int i = 0; i < 32; i++)
		snprintf(ret->sha256 + 2 * i, 3, "%02x", digest[i]);
}

void stickcheck_add_set(struct stickcheck *check, const char *folder)
{
	struct known_set *set = &check->sets[check->n_sets];

	if (check->n_sets++ == MAX_SETS)
		errx(2, "more than %d sets", MAX_SETS);
	set->folder = folder;
	load(folder, "vmlinuz", &set->kernel);
	load(folder, "initrd.img", &set->initrd);
	load(folder, "release", &set->release);
}

/* Is the block one that GRUB's load_env accepts? */
static const char *grubenv_problem(const uint8_t *block)
{
	static const char signature[] = "# GRUB Environment Block\n";
	size_t at = sizeof(signature) - 1;

	if (memcmp(block, signature, at) != 0)
		return "grubenv has lost its signature";
	while (at < GRUBENV) {
		const uint8_t *end = memchr(block + at, '\n', GRUBENV - at);

		if (!end)
			break;
		/* GRUB 2.06 and later put a comment after the signature. */
		if (block[at] != '#' && !memchr(block + at, '=', (size_t)(end - (block + at))))
			return "grubenv has a line that is not an assignment";
		at = (size_t)(end - block) + 1;
	}
	for (; at < GRUBENV; at++) {
		if (block[at] != '#')
			return "grubenv is not filled up with #";
	}
	return NULL;
}

/* Does the block say NAME=VALUE; with no value: does it give NAME any value but the empty one? */
static bool grubenv_says(const uint8_t *block, const char *name, const char *value)
{
	const char *p = (const char *)block;
	const char *end = p + GRUBENV;
	size_t length = strlen(name);

	while (p < end) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));
		size_t n = eol ? (size_t)(eol - p) : 0;

		if (n > length && memcmp(p, name, length) == 0 && p[length] == '=') {
			size_t rest = n - length - 1;

			if (!value)
				return rest > 0;
			return rest == strlen(value) && memcmp(p + length + 1, value, rest) == 0;
		}
		if (!eol)
			break;
		p = eol + 1;
	}
	return false;
}

const char *stickcheck_allow_grubenv(struct stickcheck *check, const uint8_t *disk)
{
	const uint8_t *block = disk + check->grubenv;

	if (check->grubenv == NO_GRUBENV)
		return NULL;
	for (int i = 0; i < check->n_envs; i++) {
		if (memcmp(check->envs[i], block, GRUBENV) == 0)
			return NULL;
	}
	if (check->n_envs == MAX_ENVS)
		errx(2, "more than %d versions of grubenv", MAX_ENVS);
	memcpy(check->envs[check->n_envs++], block, GRUBENV);
	return grubenv_problem(block);
}

static bool same(const struct iso *iso, struct iso_extent e, const struct content *content)
{
	return e.start != 0 && e.size == content->size &&
	       memcmp(iso->data + e.start, content->data, content->size) == 0;
}

/* Do the lines of `SHA256SUMS` name this set's files with their hashes? */
static bool sums_agree(const struct iso *iso, struct iso_extent e, const struct known_set *set)
{
	const char *p = (const char *)iso->data + e.start;
	const char *end = p + e.size;
	int lines = 0;

	for (; p < end; lines++) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));
		const char *name = p + 64;
		const struct content *content;
		size_t n;

		if (!eol || eol - p < 67 || !(*name == ' ') || !strchr(" *", name[1]))
			return false;
		name += 2;
		n = (size_t)(eol - name);
		if (n > 5 && memcmp(name, "live/", 5) == 0) {
			name += 5;
			n -= 5;
		}
		if (n == 7 && memcmp(name, "vmlinuz", n) == 0)
			content = &set->kernel;
		else if (n == 10 && memcmp(name, "initrd.img", n) == 0)
			content = &set->initrd;
		else if (n == 7 && memcmp(name, "release", n) == 0)
			content = &set->release;
		else
			return false;
		if (memcmp(p, content->sha256, 64) != 0)
			return false;
		p = eol + 1;
	}
	return lines >= 2;
}

/* Which set do the four files with this suffix make? */
static int find_set(const struct stickcheck *check, const struct iso *iso, uint64_t descriptor,
	bool joliet, const char *suffix, const char **ret_problem)
{
	static const char *const names[] = {"vmlinuz", "initrd.img", "release", "SHA256SUMS"};
	struct iso_extent files[4];
	char name[32];

	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "%s%s", names[i], suffix);
		*ret_problem = iso_find(iso, descriptor, joliet, name, &files[i]);
		if (*ret_problem)
			return NO_SET;
	}
	if (files[0].start == 0 || files[1].start == 0) {
		*ret_problem = "there is no kernel or no initrd";
		return NO_SET;
	}
	*ret_problem = "the kernel is that of no set";
	for (int i = 0; i < check->n_sets; i++) {
		const struct known_set *set = &check->sets[i];

		if (!same(iso, files[0], &set->kernel))
			continue;
		*ret_problem = NULL;
		if (!same(iso, files[1], &set->initrd))
			*ret_problem = "the initrd does not belong to the kernel";
		else if (files[2].start && !same(iso, files[2], &set->release))
			*ret_problem = "the release does not belong to the kernel";
		else if (files[3].start && !sums_agree(iso, files[3], set))
			*ret_problem = "SHA256SUMS does not belong to the kernel";
		return *ret_problem ? NO_SET : i;
	}
	return NO_SET;
}

int stickcheck_state(
	const struct stickcheck *check, const uint8_t *disk, char ret_problem[PROBLEM_MAX])
{
	const struct iso iso = {disk + check->start, check->size};
	const uint8_t *env = check->grubenv == NO_GRUBENV ? NULL : disk + check->grubenv;
	const char *problem, *old_problem = NULL;
	int current, old, env_known = 0;
	uint64_t joliet;

#define BAD(...)                                                 \
	do {                                                     \
		snprintf(ret_problem, PROBLEM_MAX, __VA_ARGS__); \
		return NO_SET;                                   \
	} while (0)

	problem = iso_descriptors(&iso, &joliet);
	if (problem)
		BAD("%s", problem);
	/* Label, and the time that blkid shows as UUID (ECMA-119 8.4.7, 8.4.26, 8.4.27) */
	if (memcmp(iso.data + ISO_PVD, check->identity, 80) != 0 ||
		memcmp(iso.data + ISO_PVD + 813, check->identity + 813, 34) != 0)
		BAD("label or UUID have changed");
	current = find_set(check, &iso, ISO_PVD, false, "", &problem);
	if (current == NO_SET)
		BAD("%s", problem);
	if (joliet && find_set(check, &iso, joliet, true, "", &problem) != current)
		BAD("by Joliet's tree another set is current than by Rock Ridge's");
	old = find_set(check, &iso, ISO_PVD, false, ".old", &old_problem);
	if (check->proven != NO_SET && current != check->proven && old != check->proven)
		BAD("the set known to boot is gone (old set: %s)",
			old_problem ? old_problem : "another");
	if (!env)
		return current;

	for (int i = 0; i < check->n_envs; i++)
		env_known |= memcmp(env, check->envs[i], GRUBENV) == 0;
	if (!env_known)
		BAD("grubenv is neither the old block nor the new one");
	if (grubenv_says(env, "liveng_previous", NULL) &&
		!grubenv_says(env, "liveng_previous", "0") && old == NO_SET)
		BAD("grubenv offers the previous set: %s", old_problem);
	if (current == check->fresh && !grubenv_says(env, "liveng_tries", NULL))
		BAD("the new set is current and its boots are not counted");
	return current;
}
