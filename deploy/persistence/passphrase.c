/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "passphrase.h"

#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>

#include "base/log.h"
#include "base/util.h"
#include "secret.h"

#define TRIES	     3		    /* to type a valid one, twice the same */
#define ADVISED_SIZE 12u	    /* characters */
#define BOM	     "\xef\xbb\xbf" /* of UTF-8: some editors put it ahead of a text */

/* Signals are held while we wait: terminating the program must not leave a terminal without echo.
 * They are not consumed, so that code that polls for them afterwards still sees them. */
struct signals {
	sigset_t before;
	int fd;
};

static int signals_hold(struct signals *ret_signals)
{
	struct signals signals;
	sigset_t held;

	sigemptyset(&held);
	sigaddset(&held, SIGINT);
	sigaddset(&held, SIGTERM);
	sigaddset(&held, SIGHUP);
	sigaddset(&held, SIGQUIT);
	signals.fd = signalfd(-1, &held, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals.fd < 0)
		return -errno;
	if (sigprocmask(SIG_BLOCK, &held, &signals.before) < 0) {
		close(signals.fd);
		return -errno;
	}
	*ret_signals = signals;
	return 0;
}

static void signals_release(struct signals *signals)
{
	if (signals->fd < 0)
		return;
	close(signals->fd);
	sigprocmask(SIG_SETMASK, &signals->before, NULL);
}

/* One read(2), or -EINTR if a signal comes first. */
static ssize_t read_or_signal(const struct signals *signals, int fd, void *buffer, size_t size)
{
	struct pollfd fds[] = {{.fd = signals->fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
	ssize_t n;

	do {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (fds[0].revents)
			return -EINTR;
		n = fds[1].revents ? read(fd, buffer, size) : -1;
	} while (n < 0 && (!fds[1].revents || errno == EINTR || errno == EAGAIN));
	return n < 0 ? -errno : n;
}

/* Read to the end of the file, or of the line if @line; anything too long stays unread. */
static int read_text(
	const struct signals *signals, int fd, bool line, struct passphrase *ret_passphrase)
{
	struct passphrase *p = ret_passphrase;
	ssize_t n = 1;

	p->size = 0;
	while (n > 0 && p->size < sizeof(p->text) &&
		!(line && p->size > 0 && p->text[p->size - 1] == '\n')) {
		n = read_or_signal(signals, fd, p->text + p->size, sizeof(p->text) - p->size);
		if (n < 0)
			return (int)n;
		p->size += (size_t)n;
	}
	if (p->size > 0 && p->text[p->size - 1] == '\n')
		p->size--;
	return 0;
}

/* Why it could not be typed at boot; NULL: it can. */
static const char *find_fault(const struct passphrase *passphrase)
{
	static_assert(PASSPHRASE_MAX == 512, "the words below");

	if (passphrase->size == 0)
		return "the passphrase is empty";
	if (passphrase->size > PASSPHRASE_MAX)
		return "the passphrase has more than 512 bytes";
	if (passphrase->size >= strlen(BOM) && memcmp(passphrase->text, BOM, strlen(BOM)) == 0)
		return "the passphrase begins with a byte order mark, which cannot be typed at "
		       "boot: save the file without one";
	for (size_t i = 0; i < passphrase->size; i++)
		if ((unsigned char)passphrase->text[i] < ' ' || passphrase->text[i] == 0x7f)
			return "the passphrase has more than one line, or characters that cannot "
			       "be typed at boot";
	return NULL;
}

static int read_file(const char *name, int fd, struct passphrase *passphrase)
{
	cleanup(signals_release) struct signals signals = {.fd = -1};
	const char *fault;
	int r;

	/* Hide it from programs that we run. */
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	r = signals_hold(&signals);
	if (r == 0)
		r = read_text(&signals, fd, false, passphrase);
	if (r < 0)
		return r == -EINTR ? r : report(r, "%s: cannot read the passphrase", name);
	fault = find_fault(passphrase);
	if (!fault)
		return 0;
	return refuse(-ERR_REFUSED, "%s: %s", name, fault);
}

/* A terminal without echo. */
struct quiet {
	int fd; /* -1: unchanged */
	struct termios before;
};

static int quiet_begin(int fd, struct quiet *ret_quiet)
{
	struct quiet quiet = {.fd = fd};
	struct termios silent;

	if (tcgetattr(fd, &quiet.before) < 0)
		return -errno;
	silent = quiet.before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	silent.c_lflag |= ICANON | ISIG | ECHONL;
	/* If stopped here, the shell would be left without echo. */
	silent.c_cc[VSUSP] = _POSIX_VDISABLE;
	if (tcsetattr(fd, TCSAFLUSH, &silent) < 0)
		return -errno;
	*ret_quiet = quiet;
	return 0;
}

/* Discard what was typed but not read: it must not end up in the shell. */
static void quiet_end(struct quiet *quiet)
{
	if (quiet->fd >= 0)
		tcsetattr(quiet->fd, TCSAFLUSH, &quiet->before);
}

static int ask(const struct signals *signals, int tty, const char *question,
	struct passphrase *ret_passphrase)
{
	int r = 0;

	if (write(tty, question, strlen(question)) < 0)
		r = -errno;
	if (r == 0)
		r = read_text(signals, tty, true, ret_passphrase);
	if (r == -EINTR && write(tty, "\n", 1) < 0)
		return -EINTR;
	return r;
}

/* Ask until there is a valid one and both answers are the same. */
static int ask_twice(
	const struct signals *signals, int tty, struct passphrase *first, struct passphrase *second)
{
	const char *fault = NULL;

	for (int i = 0; i < TRIES; i++) {
		int r;

		if (fault) {
			tcflush(tty, TCIFLUSH); /* the rest of an answer that was too long is not an
						   answer */
			dprintf(tty, "Please try again: %s.\n", fault);
		}
		r = ask(signals, tty, "Passphrase for the persistence: ", first);
		fault = r == 0 ? find_fault(first) : NULL;
		if (r == 0 && !fault)
			r = ask(signals, tty, "The same again: ", second);
		if (r < 0)
			return r;
		if (!fault && first->size == second->size &&
			memcmp(first->text, second->text, first->size) == 0)
			return 0;
		if (!fault)
			fault = "the passphrases were not the same";
	}
	return refuse(-ERR_REFUSED, "%s", fault);
}

static int prompt(struct passphrase *passphrase)
{
	cleanup(passphrase_freep) struct passphrase *second = secret_new(sizeof(*second));
	autoclose int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	/* Released last, when the terminal has been restored. */
	cleanup(signals_release) struct signals signals = {.fd = -1};
	cleanup(quiet_end) struct quiet quiet = {.fd = -1};
	int r;

	if (!second)
		return -ENOMEM;
	if (tty < 0)
		return refuse(-ERR_REFUSED,
			"there is no terminal to ask for the passphrase: use --passphrase-file "
			"or --passphrase-fd");
	r = signals_hold(&signals);
	if (r == 0)
		r = quiet_begin(tty, &quiet);
	if (r == 0)
		r = ask_twice(&signals, tty, passphrase, second);
	if (r < 0 && r != -EINTR && r != -ERR_REFUSED)
		return report(r, "/dev/tty: cannot ask for the passphrase");
	return r;
}

int passphrase_get(
	enum passphrase_source source, const char *path, int fd, struct passphrase **ret_passphrase)
{
	cleanup(passphrase_freep) struct passphrase *passphrase = secret_new(sizeof(*passphrase));
	autoclose int file = -1;
	char name[64];
	int r;

	if (!passphrase)
		return -ENOMEM;
	switch (source) {
	case PASSPHRASE_FILE:
		/* For a FIFO, wait where a signal can interrupt it, not here. */
		file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
		if (file < 0)
			return report(-errno, "%s: cannot open the passphrase file", path);
		r = read_file(path, file, passphrase);
		break;
	case PASSPHRASE_FD:
		snprintf(name, sizeof(name), "file descriptor %d", fd);
		r = read_file(name, fd, passphrase);
		break;
	default:
		r = prompt(passphrase);
		break;
	}
	if (r < 0)
		return r;
	*ret_passphrase = steal_pointer(passphrase);
	return 0;
}

void passphrase_free(struct passphrase *passphrase)
{
	secret_free(passphrase, sizeof(*passphrase));
}

void passphrase_freep(struct passphrase **passphrase)
{
	passphrase_free(*passphrase);
}

void passphrase_warn(const struct passphrase *passphrase, const struct keyboard *keyboard)
{
	size_t characters = 0;
	bool plain = true;

	for (size_t i = 0; i < passphrase->size; i++) {
		/* Count all bytes except UTF-8 continuation bytes. */
		characters += ((unsigned char)passphrase->text[i] & 0xc0) != 0x80;
		plain = plain && (unsigned char)passphrase->text[i] < 0x80;
	}
	if (characters < ADVISED_SIZE)
		log_warning("the passphrase has %zu characters: %u or more are recommended, five "
			    "random words are better",
			characters, ADVISED_SIZE);
	if (passphrase->text[0] == ' ' || passphrase->text[passphrase->size - 1] == ' ')
		log_warning("the passphrase begins or ends with a blank, which must be typed, too");
	if (!plain)
		log_warning("the passphrase has non-ASCII characters: the prompt at boot may not "
			    "accept them");

	if (keyboard && keyboard_moves(keyboard, passphrase->text, passphrase->size))
		log_warning(
			"the passphrase has characters that are elsewhere on a US keyboard than "
			"on this one (%s): the prompt at boot may use the US layout",
			keyboard->layout);
}
