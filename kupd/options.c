/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum {
	OPTION_DISK = 256,
	OPTION_PARTITION,
	OPTION_ROOT,
	OPTION_KERNEL,
	OPTION_INITRD,
	OPTION_NO_VERIFY,
	OPTION_IN_PLACE,
	OPTION_FORCE,
	OPTION_JSON,
	OPTION_VERSION,
};

static void print_help(const struct verb *verbs)
{
	puts("Usage: livengkupd [OPTIONS] VERB [RELEASE]\n"
	     "       livengkupd [OPTIONS] RELEASE\n"
	     "\n"
	     "Write kernel and initrd into the kernel partition of a liveng stick, whole or\n"
	     "not at all.\n"
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
	     "  --root DIR               the installed system to take it from\n"
	     "  --kernel FILE            this kernel\n"
	     "  --initrd FILE            this initrd\n"
	     "\n"
	     "Writing:\n"
	     "  --no-verify              do not read back what was written\n"
	     "  --in-place               overwrite the only set, if there is no room for two;\n"
	     "                           a power cut meanwhile leaves the fallback boot only\n"
	     "  --force                  write what the checks refuse, or what is there\n"
	     "                           already\n"
	     "  -n, --dry-run            check everything, say what would be done\n"
	     "\n"
	     "Output:\n"
	     "  -q, --quiet              errors and warnings only\n"
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

/* What was printed in place of a run has to arrive. */
static enum options_result end_printing(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return OPTIONS_DONE;
	log_error("cannot write to standard output: %m");
	return OPTIONS_FAILED;
}

/* The long name of the option that getopt_long() returns as @value; NULL: there is none. */
static const char *name_of(const struct option *table, int value)
{
	for (; table->name; table++) {
		if (table->val == value)
			return table->name;
	}
	return NULL;
}

/* Is @word, which getopt_long() did not take, short for several options? */
static bool is_ambiguous(const struct option *table, const char *word)
{
	size_t length = strcspn(word, "=");
	unsigned int n = 0;

	for (; length > 2 && table->name; table++)
		n += strncmp(table->name, word + 2, length - 2) == 0;
	return n > 1;
}

/* What getopt_long() found wrong, in @word if it is a long option that it does not know. */
static void report_misuse(const struct option *table, bool lacks_value, const char *word)
{
	const char *name = name_of(table, optopt);

	if (lacks_value)
		log_error("--%s needs a value: see --help", name);
	else if (name)
		log_error("--%s takes no value: see --help", name);
	else if (optopt)
		log_error("-%c: there is no such option: see --help", optopt);
	else if (is_ambiguous(table, word))
		log_error("%s: could be several options: see --help", word);
	else
		log_error("%s: there is no such option: see --help", word);
}

static bool set_target(struct options *options, enum stick_target target, const char *path)
{
	if (options->target_path) {
		log_error("--disk and --partition exclude each other: name one stick");
		return false;
	}
	options->target = target;
	options->target_path = path;
	return true;
}

static bool set_words(struct options *options, const struct verb *verbs, char **words, int n)
{
	const struct verb *verb = verbs;

	while (n > 0 && verb->name && strcmp(verb->name, words[0]) != 0)
		verb++;
	options->verb = "update";
	if (n > 0 && verb->name) {
		options->verb = verb->name;
		words++;
		n--;
	} else if (n == 0) {
		log_error("what is to be done? Name a verb, or see --help");
		return false;
	}
	if (n > 0 && strcmp(options->verb, "update") == 0) {
		options->release = words[0];
		words++;
		n--;
	}
	if (n > 0) {
		log_error("%s: \"%s\" is one word too many", options->verb, words[0]);
		return false;
	}
	return true;
}

enum options_result options_parse(
	int argc, char **argv, const struct verb *verbs, struct options *ret_options)
{
	static const struct option table[] = {
		{"disk", required_argument, NULL, OPTION_DISK},
		{"partition", required_argument, NULL, OPTION_PARTITION},
		{"root", required_argument, NULL, OPTION_ROOT},
		{"kernel", required_argument, NULL, OPTION_KERNEL},
		{"initrd", required_argument, NULL, OPTION_INITRD},
		{"no-verify", no_argument, NULL, OPTION_NO_VERIFY},
		{"in-place", no_argument, NULL, OPTION_IN_PLACE},
		{"force", no_argument, NULL, OPTION_FORCE},
		{"dry-run", no_argument, NULL, 'n'},
		{"quiet", no_argument, NULL, 'q'},
		{"verbose", no_argument, NULL, 'v'},
		{"json", no_argument, NULL, OPTION_JSON},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, OPTION_VERSION},
		{0},
	};
	struct options options = {.root = "", .level = LOG_NORMAL};
	int c;

	/* The colon: no messages of its own, which would begin with argv[0]. */
	while ((c = getopt_long(argc, argv, ":nqvh", table, NULL)) != -1) {
		if (c != ':' && c != '?' && optarg && !*optarg) {
			log_error("--%s must not be empty: see --help", name_of(table, c));
			return OPTIONS_USAGE;
		}
		switch (c) {
		case OPTION_DISK:
			if (!set_target(&options, STICK_DISK, optarg))
				return OPTIONS_USAGE;
			break;
		case OPTION_PARTITION:
			if (!set_target(&options, STICK_ALONE, optarg))
				return OPTIONS_USAGE;
			break;
		case OPTION_ROOT:
			/* "/" is this system; a slash at the end would show in messages. */
			for (size_t n = strlen(optarg); n > 0 && optarg[n - 1] == '/'; n--)
				optarg[n - 1] = 0;
			options.root = optarg;
			break;
		case OPTION_KERNEL:
			options.kernel = optarg;
			break;
		case OPTION_INITRD:
			options.initrd = optarg;
			break;
		case OPTION_NO_VERIFY:
			options.no_verify = true;
			break;
		case OPTION_IN_PLACE:
			options.in_place = true;
			break;
		case OPTION_FORCE:
			options.force = true;
			break;
		case 'n':
			options.dry_run = true;
			break;
		case 'q':
			options.level = LOG_QUIET;
			break;
		case 'v':
			options.level = LOG_VERBOSE;
			break;
		case OPTION_JSON:
			options.json = true;
			break;
		case 'h':
			print_help(verbs);
			return end_printing();
		case OPTION_VERSION:
			puts("livengkupd " VERSION);
			return end_printing();
		default:
			report_misuse(table, c == ':', argv[optind - 1]);
			return OPTIONS_USAGE;
		}
	}
	if (!set_words(&options, verbs, argv + optind, argc - optind))
		return OPTIONS_USAGE;
	*ret_options = options;
	return OPTIONS_RUN;
}
