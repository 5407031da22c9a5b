/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "options.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/util.h"
#include "candidate/installed.h"
#include "program/arguments.h"

enum {
	OPTION_DISK = ARGUMENT_OWN,
	OPTION_PARTITION,
	OPTION_ROOT,
	OPTION_KERNEL,
	OPTION_INITRD,
	OPTION_REBUILD,
	OPTION_NO_VERIFY,
	OPTION_IN_PLACE,
	OPTION_FORCE,
	OPTION_UNDO,
	OPTION_ONCE,
	OPTION_BOOTED,
	OPTION_SHORT,
};

static const struct option table[] = {
	{"disk", required_argument, NULL, OPTION_DISK},
	{"partition", required_argument, NULL, OPTION_PARTITION},
	{"root", required_argument, NULL, OPTION_ROOT},
	{"kernel", required_argument, NULL, OPTION_KERNEL},
	{"initrd", required_argument, NULL, OPTION_INITRD},
	{"rebuild", no_argument, NULL, OPTION_REBUILD},
	{"no-verify", no_argument, NULL, OPTION_NO_VERIFY},
	{"in-place", no_argument, NULL, OPTION_IN_PLACE},
	{"force", no_argument, NULL, OPTION_FORCE},
	{"undo", no_argument, NULL, OPTION_UNDO},
	{"once", required_argument, NULL, OPTION_ONCE},
	{"booted", required_argument, NULL, OPTION_BOOTED},
	{"short", no_argument, NULL, OPTION_SHORT},
	ARGUMENTS_COMMON,
	{0},
};

/* The options of every verb. */
static const char common[] = "disk partition quiet verbose json help version";

static void print_help(const struct verb *verbs)
{
	puts("Usage: livengkupd [OPTIONS] VERB [RELEASE]\n"
	     "       livengkupd [OPTIONS] RELEASE\n"
	     "\n"
	     "Write a kernel and its initrd to the kernel partition of a liveng stick,\n"
	     "atomically.\n"
	     "\n"
	     "Verbs:");
	for (; verbs->name; verbs++)
		printf("  %-17s %s\n", verbs->name, verbs->help);
	puts("\n"
	     "The stick (default: the one that the system runs from):\n"
	     "  --disk DISK|IMAGE        a whole stick, or the image file of one\n"
	     "  --partition DEVICE|FILE  its kernel partition\n"
	     "\n"
	     "The kernel set (default: the newest in /boot):\n"
	     "  --root DIR               the installed system that has this /boot, and the\n"
	     "                           modules\n"
	     "  --kernel FILE            this kernel\n"
	     "  --initrd FILE            this initrd\n"
	     "  --rebuild                build the initrd in /boot anew first\n"
	     "\n"
	     "Writing:\n"
	     "  --no-verify              do not read back what was written\n"
	     "  --in-place               overwrite both slots if two sets do not fit; a power\n"
	     "                           cut meanwhile leaves only the fallback boot\n"
	     "  --force                  write a set even if the checks refuse it, it is there\n"
	     "                           already, or it did not come up; go to one whose\n"
	     "                           modules are gone\n"
	     "  -n, --dry-run            check everything, report what would be done\n"
	     "\n"
	     "Other verbs:\n"
	     "  --undo                   rollback: go forward again to the undone set\n"
	     "  --once ENTRY             next: previous, fallback or standard, for one boot\n"
	     "  --booted ENTRY           bless: what came up, for --disk or --partition\n"
	     "  --short                  status: a line or two, and only if there is news\n"
	     "\n"
	     "Output:\n"
	     "  -q, --quiet              errors, warnings and the result only\n"
	     "  -v, --verbose            every step\n"
	     "  --json                   the result as JSON on standard output\n"
	     "  -h, --help               this text\n"
	     "  --version                the version\n"
	     "\n"
	     "Exit status: 0 done, or nothing to do; 1 failed; 2 usage; 3 not a liveng\n"
	     "stick; 4 refused by a check; 5 no room; 6 verification failed; 7 busy.\n"
	     "\n"
	     "More in livengkupd(8).");
}

static bool set_target(struct kupd_options *options, enum stick_target target, const char *path)
{
	if (options->target_path && options->target == target)
		arguments_misuse("--%s was given twice: name one stick",
			target == STICK_DISK ? "disk" : "partition");
	else if (options->target_path)
		arguments_misuse("--disk and --partition exclude each other: name one stick");
	if (options->target_path)
		return false;
	options->target = target;
	options->target_path = path;
	return true;
}

/* Parse an entry of the boot menu, the value of @option. */
static bool parse_entry(const char *option, const char *word, enum host_boot *ret_boot)
{
	static const char *const entries[] = {[HOST_BOOT_STANDARD] = "standard",
		[HOST_BOOT_PREVIOUS] = "previous",
		[HOST_BOOT_FALLBACK] = "fallback"};

	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		if (!entries[i] || strcmp(word, entries[i]) != 0)
			continue;
		if (ret_boot)
			*ret_boot = (enum host_boot)i;
		return true;
	}
	arguments_misuse("--%s must be standard, previous or fallback, not \"%s\"", option, word);
	return false;
}

/* A release in place of a verb, as in calls of the published script. */
static bool is_release(const struct kupd_options *options, const char *word)
{
	autofree char *installed = installed_kernel(options->root, word);

	return isdigit((unsigned char)word[0]) && (options->kernel || installed);
}

/* The option that would name a stick, if @word is one; NULL: it is neither a disk nor a file. */
static const char *target_option(const char *word)
{
	const struct host host = {.root = ""};
	autofree char *disk = NULL;
	unsigned int number;
	struct stat st;

	if (stat(word, &st) < 0 || !(S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)))
		return NULL;
	return S_ISBLK(st.st_mode) && host_partition_disk(&host, st.st_rdev, &disk, &number) == 0
		       ? "partition"
		       : "disk";
}

/* Report that @word does not belong in its place on the command line. */
static void report_word(const char *word, const char *what)
{
	const char *option = target_option(word);

	if (option)
		arguments_misuse(
			"\"%s\" is %s; to name a stick use --%s %s", word, what, option, word);
	else
		arguments_misuse("\"%s\" is %s", word, what);
}

static bool set_words(struct kupd_options *options, const struct verb *verbs, char **words, int n)
{
	const struct verb *verb = verbs;

	if (n == 0) {
		arguments_misuse("no verb given");
		return false;
	}
	while (verb->name && strcmp(verb->name, words[0]) != 0)
		verb++;
	if (verb->name) {
		words++;
		n--;
	} else if (is_release(options, words[0])) {
		verb = verbs; /* update */
	} else {
		report_word(words[0], "neither a verb nor the release of an installed kernel");
		return false;
	}
	options->verb = verb;
	if (n > 0 && verb == verbs) {
		if (!isdigit((unsigned char)words[0][0]) && target_option(words[0])) {
			report_word(words[0], "not a release");
			return false;
		}
		options->release = words[0];
		words++;
		n--;
	}
	if (n > 0) {
		report_word(words[0], "one word too many");
		return false;
	}
	return true;
}

/* Options that only make sense together with others. */
static bool check_together(const struct kupd_options *options, bool booted)
{
	if (strcmp(options->verb->name, "next") == 0 && !options->once)
		arguments_misuse(
			"next: say what to boot with --once previous, fallback or standard");
	else if (options->rebuild && (options->root[0] || options->initrd || options->dry_run))
		arguments_misuse("--rebuild builds the initrd of this system: it cannot be used "
				 "with --root, --initrd or --dry-run");
	else if (booted && options->target == STICK_RUNNING)
		arguments_misuse("--booted needs a stick named with --disk or --partition");
	else
		return true;
	return false;
}

/* The state of parsing with arguments_read(). */
struct parsing {
	const struct verb *verbs;
	struct kupd_options options;
	bool booted; /* was given */
	bool given[ARRAY_SIZE(table)];
};

static enum arguments_result take(void *data, const struct option *option, char *value)
{
	struct parsing *parsing = data;
	struct kupd_options *options = &parsing->options;
	bool good = true;

	if (value && !*value) {
		arguments_misuse("--%s must not be empty", option->name);
		return ARGUMENTS_USAGE;
	}
	parsing->given[option - table] = true;
	switch (option->val) {
	case OPTION_DISK:
		good = set_target(options, STICK_DISK, value);
		break;
	case OPTION_PARTITION:
		good = set_target(options, STICK_ALONE, value);
		break;
	case OPTION_ROOT:
		/* "/" is this system; a trailing slash would show in messages. */
		for (size_t n = strlen(value); n > 0 && value[n - 1] == '/'; n--)
			value[n - 1] = 0;
		options->root = value;
		options->has_root = true;
		break;
	case OPTION_KERNEL:
		options->kernel = value;
		break;
	case OPTION_INITRD:
		options->initrd = value;
		break;
	case OPTION_REBUILD:
		options->rebuild = true;
		options->has_root = true;
		break;
	case OPTION_NO_VERIFY:
		options->no_verify = true;
		break;
	case OPTION_IN_PLACE:
		options->in_place = true;
		break;
	case OPTION_FORCE:
		options->force = true;
		break;
	case OPTION_UNDO:
		options->undo = true;
		break;
	case OPTION_ONCE:
		good = parse_entry("once", value, NULL);
		options->once = value;
		break;
	case OPTION_BOOTED:
		good = parse_entry("booted", value, &options->booted);
		parsing->booted = true;
		break;
	case OPTION_SHORT:
		options->is_short = true;
		break;
	case 'h':
		print_help(parsing->verbs);
		return ARGUMENTS_DONE;
	default:
		return arguments_take_common(
			"livengkupd", option, &options->dry_run, &options->level);
	}
	return good ? ARGUMENTS_RUN : ARGUMENTS_USAGE;
}

enum arguments_result kupd_options_parse(int argc, char **argv, const struct verb *verbs,
	bool *ret_json, struct kupd_options *ret_options)
{
	struct parsing parsing = {.verbs = verbs,
		.options = {.root = "", .level = LOG_NORMAL, .booted = HOST_BOOT_STANDARD}};
	struct kupd_options *options = &parsing.options;
	enum arguments_result result;

	result = arguments_read(argc, argv, table, take, &parsing, ret_json);
	if (result != ARGUMENTS_RUN)
		return result;
	if (!set_words(options, verbs, argv + optind, argc - optind) ||
		!arguments_check_use(table, parsing.given, options->verb->name, common,
			options->verb->options) ||
		!check_together(options, parsing.booted))
		return ARGUMENTS_USAGE;
	options->json = *ret_json;
	*ret_options = *options;
	return ARGUMENTS_RUN;
}
