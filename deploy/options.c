/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "options.h"

#include <fcntl.h>
#include <limits.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/size.h"
#include "base/util.h"
#include "program/arguments.h"

/* Linux, Documentation/admin-guide/serial-console.rst: the device, baud, parity, bits, flow. */
#define CONSOLE "^(tty[A-Z]+[0-9]+|hvc[0-9]+)(,[0-9]+([noe]([5-8]r?)?)?)?$"

/* Words of kernel parameters: locale(7), keyboard(5), zone names, useradd(8), RFC 1123. */
#define LOCALE	 "^(C\\.UTF-8|[a-z]{2,3}(_[A-Z]{2})?(\\.[A-Za-z0-9-]{1,16})?(@[a-z]{1,16})?)$"
#define LAYOUTS	 "[a-z]{2,8}(,[a-z]{2,8}){0,3}"
#define KEYBOARD "^" LAYOUTS "(:[A-Za-z0-9_-]{0,24}(,[A-Za-z0-9_-]{0,24}){0,3})?$"
#define TIMEZONE "^[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$"
#define USERNAME "^[a-z_][a-z0-9_-]{0,30}$"
#define HOSTNAME "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"

#define ZONES	"/usr/share/zoneinfo"
#define LOCALES "/usr/share/i18n/SUPPORTED"

enum {
	OPTION_SIZE = ARGUMENT_OWN,
	OPTION_KERNEL_SIZE,
	OPTION_ENCRYPT,
	OPTION_NO_PERSISTENCE,
	OPTION_KEEP_PERSISTENCE,
	OPTION_PASSPHRASE_FILE,
	OPTION_PASSPHRASE_FD,
	OPTION_KERNEL,
	OPTION_INITRD,
	OPTION_PACKAGES,
	OPTION_LOCALE,
	OPTION_KEYBOARD,
	OPTION_TIMEZONE,
	OPTION_USERNAME,
	OPTION_HOSTNAME,
	OPTION_APPEND,
	OPTION_CONSOLE,
	OPTION_PRELOADER,
	OPTION_ALLOW_FIXED,
	OPTION_ALLOW_LARGE,
	OPTION_NO_VERIFY,
	OPTION_PROGRESS_FD,
};

static const struct option table[] = {
	{"size", required_argument, NULL, OPTION_SIZE},
	{"kernel-size", required_argument, NULL, OPTION_KERNEL_SIZE},
	{"encrypt", no_argument, NULL, OPTION_ENCRYPT},
	{"no-persistence", no_argument, NULL, OPTION_NO_PERSISTENCE},
	{"keep-persistence", no_argument, NULL, OPTION_KEEP_PERSISTENCE},
	{"passphrase-file", required_argument, NULL, OPTION_PASSPHRASE_FILE},
	{"passphrase-fd", required_argument, NULL, OPTION_PASSPHRASE_FD},
	{"kernel", required_argument, NULL, OPTION_KERNEL},
	{"initrd", required_argument, NULL, OPTION_INITRD},
	{"packages", required_argument, NULL, OPTION_PACKAGES},
	{"locale", required_argument, NULL, OPTION_LOCALE},
	{"keyboard", required_argument, NULL, OPTION_KEYBOARD},
	{"timezone", required_argument, NULL, OPTION_TIMEZONE},
	{"username", required_argument, NULL, OPTION_USERNAME},
	{"hostname", required_argument, NULL, OPTION_HOSTNAME},
	{"append", required_argument, NULL, OPTION_APPEND},
	{"console", required_argument, NULL, OPTION_CONSOLE},
	{"preloader", required_argument, NULL, OPTION_PRELOADER},
	{"allow-fixed", no_argument, NULL, OPTION_ALLOW_FIXED},
	{"allow-large", no_argument, NULL, OPTION_ALLOW_LARGE},
	{"yes", no_argument, NULL, 'y'},
	{"no-verify", no_argument, NULL, OPTION_NO_VERIFY},
	{"progress-fd", required_argument, NULL, OPTION_PROGRESS_FD},
	ARGUMENTS_COMMON,
	{0},
};

/* The options of every verb. */
static const char common[] = "quiet verbose json help version";

static void print_help(const struct deploy_verb *verbs)
{
	puts("Usage: liveng-deploy [OPTIONS] IMAGE.iso TARGET...\n"
	     "       liveng-deploy [OPTIONS] VERB\n"
	     "\n"
	     "Write a Debian live image to a USB stick whose kernel apt can update. TARGET is\n"
	     "a whole disk, or an image file.\n"
	     "\n"
	     "Verbs:");
	for (; verbs->name[0]; verbs++)
		printf("  %-24s %s\n", verbs->name, verbs->help);
	puts("\n"
	     "What is written:\n"
	     "  --encrypt                persistence in LUKS2; asks for the passphrase twice\n"
	     "  --passphrase-file FILE   take it from FILE, which contains nothing else\n"
	     "  --passphrase-fd N        the same from descriptor N\n"
	     "  --no-persistence         no persistence partition\n"
	     "  --keep-persistence       write a new system to a liveng stick, but keep its\n"
	     "                           persistence\n"
	     "  --kernel FILE            this kernel, not the image's\n"
	     "  --initrd FILE            this initrd, not the image's\n"
	     "  --packages DIR           the packages for a stock image (default: those of\n"
	     "                           liveng-stick-packages)\n"
	     "  --kernel-size SIZE       size of the kernel partition (default: 256M, or three\n"
	     "                           kernel sets)\n"
	     "\n"
	     "What the first boot sets up:\n"
	     "  --locale de_DE.UTF-8     language (default: this computer's)\n"
	     "  --keyboard de            keyboard layout, de:neo with a variant (the same)\n"
	     "  --timezone Europe/Berlin time zone (the same)\n"
	     "  --username NAME          the user's name (default: the image's)\n"
	     "  --hostname NAME          the computer's name (the same)\n"
	     "\n"
	     "How it boots:\n"
	     "  --append PARAMETERS      more kernel parameters, for every menu entry\n"
	     "  --console ttyS0,115200   menu and kernel also on this serial line\n"
	     "  --preloader DIR          boot through the Linux Foundation's PreLoader.efi and\n"
	     "                           HashTool.efi in DIR, not through shim\n"
	     "\n"
	     "The target:\n"
	     "  --size SIZE              size of an image file: 8G, 2.5G; needed for a new one\n"
	     "  --allow-fixed            also allow a disk that is not removable\n"
	     "  --allow-large            also allow a disk of more than 512 GB\n"
	     "  -y, --yes                do not ask\n"
	     "  --no-verify              do not read back what was written\n"
	     "  -n, --dry-run            check everything, report what would be written\n"
	     "\n"
	     "Output:\n"
	     "  -q, --quiet              errors, warnings and the result only\n"
	     "  -v, --verbose            every step\n"
	     "  --json                   the result as JSON on standard output\n"
	     "  --progress-fd N          progress as lines of JSON on descriptor N\n"
	     "  -h, --help               this text\n"
	     "  --version                the version\n"
	     "\n"
	     "Exit status: 0 done; 1 failed or interrupted; 2 usage; 3 not a liveng stick;\n"
	     "4 refused by a check; 5 no room; 6 verification failed; 7 busy.\n"
	     "\n"
	     "More in liveng-deploy(8).");
}

static bool set_size(const char *name, const char *text, uint64_t *size)
{
	if (size_parse(text, size) == 0 && *size > 0)
		return true;
	log_error("--%s: \"%s\" is not a size like 8G, 2.5G, 512M, 30GB", name, text);
	return false;
}

static bool set_fd(const char *name, const char *text, int *fd)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (!*text || *end || n < 0 || n > INT_MAX) {
		log_error("--%s: \"%s\" is not a descriptor number", name, text);
		return false;
	}
	/* A number that is free now would later be used for the stick. */
	if (fcntl((int)n, F_GETFD) < 0) {
		log_error("--%s: descriptor %ld is not open", name, n);
		return false;
	}
	if (n > STDERR_FILENO)
		(void)fcntl((int)n, F_SETFD, FD_CLOEXEC);
	*fd = (int)n;
	return true;
}

static bool matches_pattern(const char *text, const char *expression)
{
	regex_t pattern;
	bool matches;

	if (regcomp(&pattern, expression, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	matches = regexec(&pattern, text, 0, NULL, 0) == 0;
	regfree(&pattern);
	return matches;
}

bool options_locale_is_valid(const char *text)
{
	return matches_pattern(text, LOCALE);
}

bool options_keyboard_is_valid(const char *text)
{
	return matches_pattern(text, KEYBOARD);
}

bool options_timezone_is_valid(const char *text)
{
	return matches_pattern(text, TIMEZONE);
}

static bool set_word(const char *name, const char *text, const char *expression,
	const char *example, const char **word)
{
	if (!matches_pattern(text, expression)) {
		log_error("--%s: \"%s\" is not valid: give one like %s", name, text, example);
		return false;
	}
	*word = text;
	return true;
}

static bool set_username(struct deploy_options *options, const char *text)
{
	if (strcmp(text, "root") == 0) {
		log_error("--username: root is there anyway: give a name for the user");
		return false;
	}
	return set_word("username", text, USERNAME, "anna", &options->username);
}

/* The image may know more locales and zones than this machine. */
static bool set_locale(struct deploy_options *options, const char *text)
{
	autofree char *list = NULL;
	const size_t length = strlen(text);

	if (!set_word("locale", text, LOCALE, "de_DE.UTF-8", &options->locale))
		return false;
	if (file_read_text(LOCALES, '\0', &list) < 0)
		return true;
	for (const char *line = list; *line; line = strchrnul(line, '\n'), line += *line == '\n')
		if (strncmp(line, text, length) == 0 && line[length] == ' ')
			return true;
	log_warning("--locale: %s is not known here: is it spelled as in %s?", text, LOCALES);
	return true;
}

static bool set_timezone(struct deploy_options *options, const char *text)
{
	char path[PATH_MAX];

	if (!set_word("timezone", text, TIMEZONE, "Europe/Berlin", &options->timezone))
		return false;
	snprintf(path, sizeof(path), ZONES "/%s", text);
	if (access(ZONES, F_OK) == 0 && access(path, F_OK) < 0)
		log_warning(
			"--timezone: %s is not known here: is it spelled as in %s?", text, ZONES);
	return true;
}

static bool set_console(struct deploy_options *options, const char *text)
{
	const bool matches = matches_pattern(text, CONSOLE);

	if (!matches)
		log_error("--console: \"%s\" is not a serial console like ttyS0, ttyS0,115200n8, "
			  "hvc0",
			text);
	options->console = text;
	return matches;
}

static bool set_persistence(struct deploy_options *options, enum persistence_kind kind)
{
	if (options->persistence != PERSISTENCE_CLEAR && options->persistence != kind) {
		log_error("--encrypt, --no-persistence and --keep-persistence exclude each other");
		return false;
	}
	options->persistence = kind;
	return true;
}

bool deploy_options_name_passphrase(const struct deploy_options *options)
{
	return options->passphrase_file || options->passphrase_fd >= 0;
}

static bool set_words(
	struct deploy_options *options, const struct deploy_verb *verbs, char **words, int n)
{
	const struct deploy_verb *verb = verbs;

	while (verb->name[0] && (n == 0 || strcmp(verb->name, words[0]) != 0))
		verb++;
	options->verb = verb;
	if (verb->name[0] && n > 1) {
		log_error("%s: \"%s\" is one word too many", verb->name, words[1]);
		return false;
	}
	if (!verb->name[0] && n < 2) {
		log_error(n == 0 ? "no image and no target given: see --help"
				 : "no target given: list the disks with `liveng-deploy list`");
		return false;
	}
	if (!verb->name[0]) {
		options->image = words[0];
		options->targets = words + 1;
		options->n_targets = (size_t)n - 1;
	}
	return true;
}

/* Options that need, or exclude, each other. */
static bool check_together(const struct deploy_options *options)
{
	if (options->passphrase_file && options->passphrase_fd >= 0)
		log_error("--passphrase-file and --passphrase-fd exclude each other");
	else if (deploy_options_name_passphrase(options) &&
		 options->persistence != PERSISTENCE_ENCRYPTED)
		log_error("--passphrase-file and --passphrase-fd need --encrypt");
	else if (options->packages && (options->initrd || options->persistence == PERSISTENCE_NONE))
		log_error("--packages cannot be used with --initrd or --no-persistence: nothing "
			  "would install them");
	else
		return true;
	return false;
}

/* The state of parsing with arguments_read(). */
struct parsing {
	const struct deploy_verb *verbs;
	struct deploy_options options;
	bool given[ARRAY_SIZE(table)];
};

static enum arguments_result take(void *data, const struct option *option, char *value)
{
	struct parsing *parsing = data;
	struct deploy_options *options = &parsing->options;
	bool good = true;

	parsing->given[option - table] = true;
	switch (option->val) {
	case OPTION_SIZE:
		good = set_size("size", value, &options->size);
		break;
	case OPTION_KERNEL_SIZE:
		good = set_size("kernel-size", value, &options->kernel_size);
		break;
	case OPTION_ENCRYPT:
		good = set_persistence(options, PERSISTENCE_ENCRYPTED);
		break;
	case OPTION_NO_PERSISTENCE:
		good = set_persistence(options, PERSISTENCE_NONE);
		break;
	case OPTION_KEEP_PERSISTENCE:
		good = set_persistence(options, PERSISTENCE_KEPT);
		break;
	case OPTION_PASSPHRASE_FILE:
		options->passphrase_file = value;
		break;
	case OPTION_PASSPHRASE_FD:
		good = set_fd("passphrase-fd", value, &options->passphrase_fd);
		break;
	case OPTION_KERNEL:
		options->kernel = value;
		break;
	case OPTION_INITRD:
		options->initrd = value;
		break;
	case OPTION_PACKAGES:
		options->packages = value;
		break;
	case OPTION_LOCALE:
		good = set_locale(options, value);
		break;
	case OPTION_KEYBOARD:
		good = set_word("keyboard", value, KEYBOARD, "de or de:neo", &options->keyboard);
		break;
	case OPTION_TIMEZONE:
		good = set_timezone(options, value);
		break;
	case OPTION_USERNAME:
		good = set_username(options, value);
		break;
	case OPTION_HOSTNAME:
		good = set_word("hostname", value, HOSTNAME, "stick", &options->hostname);
		break;
	case OPTION_APPEND:
		options->append = value;
		break;
	case OPTION_CONSOLE:
		good = set_console(options, value);
		break;
	case OPTION_PRELOADER:
		options->preloader = value;
		break;
	case OPTION_ALLOW_FIXED:
		options->allow_fixed = true;
		break;
	case OPTION_ALLOW_LARGE:
		options->allow_large = true;
		break;
	case 'y':
		options->yes = true;
		break;
	case OPTION_NO_VERIFY:
		options->no_verify = true;
		break;
	case OPTION_PROGRESS_FD:
		good = set_fd("progress-fd", value, &options->progress_fd);
		break;
	case 'h':
		print_help(parsing->verbs);
		return ARGUMENTS_DONE;
	default:
		return arguments_take_common(
			"liveng-deploy", option, &options->dry_run, &options->level);
	}
	return good ? ARGUMENTS_RUN : ARGUMENTS_USAGE;
}

enum arguments_result deploy_options_parse(int argc, char **argv, const struct deploy_verb *verbs,
	bool *ret_json, struct deploy_options *ret_options)
{
	struct parsing parsing = {.verbs = verbs,
		.options = {.passphrase_fd = -1, .progress_fd = -1, .level = LOG_NORMAL}};
	struct deploy_options *options = &parsing.options;
	enum arguments_result result;

	result = arguments_read(argc, argv, table, take, &parsing, ret_json);
	if (result != ARGUMENTS_RUN)
		return result;
	if (!set_words(options, verbs, argv + optind, argc - optind) ||
		!arguments_check_use(table, parsing.given, options->verb->name, common,
			options->verb->options) ||
		!check_together(options))
		return ARGUMENTS_USAGE;
	options->json = *ret_json;
	*ret_options = *options;
	return ARGUMENTS_RUN;
}
