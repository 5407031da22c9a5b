/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "machine.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "target/target.h"

#define SIZE (8u * MIB)

static const struct host this_machine = {""};
static const struct drive_rules no_rules = {0};

static bool is_another_quicker;
static int tell_fd = -1; /* gets a byte once a lock is waited for */

/* Replaces the C library's. */
int flock(int fd, int operation)
{
	int r = -1;

	if (is_another_quicker)
		errno = EWOULDBLOCK;
	else
		r = (int)syscall(SYS_flock, fd, operation);
	if (r < 0 && errno == EWOULDBLOCK && tell_fd >= 0) {
		if (write(tell_fd, "w", 1) != 1)
			abort();
		tell_fd = -1;
		errno = EWOULDBLOCK;
	}
	return r;
}

static uint64_t size_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return (uint64_t)st.st_size;
}

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static const char *make_image(const char *content)
{
	const char *path = at("stick.img");

	put_text(path, content);
	assert_int_equal(truncate(path, SIZE), 0);
	return path;
}

static void a_new_file_gets_its_size(void **state)
{
	const char *path = at("new.img");
	struct target target;

	(void)state;
	assert_int_equal(target_read(&this_machine, path, SIZE, &target), 0);
	assert_int_equal(target.kind, TARGET_NEW);
	assert_false(target.holds_data);
	assert_false(is_there(path));
	assert_int_equal(target_open(&this_machine, &target), 0);
	assert_int_equal(disk_size(target.disk), SIZE);
	target_keep(&target);
	target_close(&target);
	assert_int_equal(size_of(path), SIZE);
}

static void a_new_file_is_removed_unless_kept(void **state)
{
	const char *path = at("new.img");
	struct target target;

	(void)state;
	assert_int_equal(target_read(&this_machine, path, SIZE, &target), 0);
	assert_int_equal(target_open(&this_machine, &target), 0);
	assert_true(is_there(path));
	target_close(&target);
	assert_false(is_there(path));

	/* But not what somebody else put there in the meantime. */
	assert_int_equal(target_open(&this_machine, &target), 0);
	assert_int_equal(rename(path, at("moved.img")), 0);
	put_text(path, "theirs");
	target_close(&target);
	assert_int_equal(size_of(path), 6);
}

static void a_name_taken_in_the_meantime_is_left_alone(void **state)
{
	const char *path = at("new.img");
	struct target target;

	(void)state;
	assert_int_equal(target_read(&this_machine, path, SIZE, &target), 0);
	assert_int_equal(symlink("elsewhere", path), 0);
	assert_int_equal(target_open(&this_machine, &target), -ERR_REFUSED);
	assert_non_null(strstr(told, "new.img: did not exist before, but does now"));
	target_close(&target);
	assert_true(is_there(path));
	assert_false(is_there(at("elsewhere")));
}

/* Two programs create the same file: the one that locked it goes on, and needs its name. */
static void a_new_file_that_another_locks_first_is_left_to_it(void **state)
{
	const char *path = at("new.img");
	struct target target;

	(void)state;
	assert_int_equal(target_read(&this_machine, path, SIZE, &target), 0);
	is_another_quicker = true;
	assert_int_equal(target_open(&this_machine, &target), -ERR_BUSY);
	is_another_quicker = false;
	target_close(&target);
	assert_true(is_there(path));
}

/* One that waits for it must not go on with a file that no longer has a name. */
static void a_new_file_that_is_given_up_is_not_a_target(void **state)
{
	const char *path = at("new.img");
	int fds[2], status;
	struct target target;
	char byte = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	pid = fork();
	if (pid == 0) {
		if (read(fds[1], &byte, 1) != 1 ||
			target_read(&this_machine, path, SIZE, &target) < 0)
			_exit(1);
		tell_fd = fds[1];
		_exit(-target_open(&this_machine, &target));
	}
	assert_int_equal(target_read(&this_machine, path, SIZE, &target), 0);
	assert_int_equal(target_open(&this_machine, &target), 0);
	assert_int_equal(write(fds[0], &byte, 1), 1);
	close(fds[1]);
	assert_int_equal(read(fds[0], &byte, 1), 1); /* it waits for the lock now */
	target_close(&target);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), ERR_REFUSED & 0xff);
	assert_false(is_there(path));
	close(fds[0]);
}

/* In that case nobody was asked whether that may be lost. */
static void a_file_filled_in_the_meantime_is_refused(void **state)
{
	const char *path = make_image("");
	struct target target;

	(void)state;
	assert_int_equal(target_read(&this_machine, path, 0, &target), 0);
	assert_false(target.holds_data);
	make_image("theirs");
	assert_int_equal(target_open(&this_machine, &target), -ERR_REFUSED);
	assert_non_null(strstr(told, "nothing was written"));
	target_close(&target);
}

static void an_existing_file_is_kept_and_resized(void **state)
{
	const char *path = make_image("something");
	struct target target;

	(void)state;
	assert_int_equal(target_read(&this_machine, path, 0, &target), 0);
	assert_int_equal(target.kind, TARGET_FILE);
	assert_int_equal(target.size, SIZE);
	assert_true(target.holds_data);
	assert_int_equal(target_read(&this_machine, path, 2 * SIZE, &target), 0);
	assert_int_equal(size_of(path), SIZE);
	assert_int_equal(target_open(&this_machine, &target), 0);
	assert_int_equal(disk_size(target.disk), SIZE);
	assert_int_equal(target_resize(&target), 0);
	assert_int_equal(disk_size(target.disk), 2 * SIZE);
	target_close(&target);
	assert_int_equal(size_of(path), 2 * SIZE);
	/* One large hole is nothing to lose. */
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(truncate(path, SIZE), 0);
	assert_int_equal(target_read(&this_machine, path, 0, &target), 0);
	assert_false(target.holds_data);
}

/* Refused by target_read() with that error and these words. */
static void assert_not_read(const char *path, uint64_t size, int error, const char *words)
{
	struct target target = {.path = "untouched"};

	told[0] = '\0';
	assert_int_equal(target_read(&this_machine, path, size, &target), -error);
	assert_string_equal(target.path, "untouched");
	assert_non_null(strstr(told, path));
	assert_non_null(strstr(told, words));
}

static void what_is_not_a_target_is_reported(void **state)
{
	(void)state;
	assert_not_read(at("none.img"), 0, ENOENT, "--size");
	assert_not_read("/dev/none", SIZE, ENOENT, "list");
	assert_not_read("/dev/null", 0, ERR_REFUSED, "neither a disk nor an image file");
	assert_not_read("/", SIZE, ERR_REFUSED, "neither");
	assert_int_equal(mkfifo(at("fifo"), 0600), 0);
	assert_not_read(at("fifo"), 0, ERR_REFUSED, "neither");
	put_text(at("empty.img"), "");
	assert_not_read(at("empty.img"), 0, ERR_REFUSED, "--size");
	assert_int_equal(symlink("stick.img", at("link.img")), 0);
	assert_not_read(at("link.img"), SIZE, ERR_REFUSED, "link");
	make_image("x");
	assert_not_read(at("link.img"), 0, ERR_REFUSED, "link");
	assert_not_read(at("empty.img/x"), SIZE, ENOTDIR, "examine it");
}

static void a_missing_folder_is_reported(void **state)
{
	char path[256];
	struct target target;

	(void)state;
	snprintf(path, sizeof(path), "%s/no/new.img", root);
	assert_int_equal(target_read(&this_machine, path, SIZE, &target), 0);
	assert_int_equal(target_open(&this_machine, &target), -ENOENT);
	assert_non_null(strstr(told, "no/new.img: cannot create the file"));
	target_close(&target);
}

static void too_small_says_how_much_is_needed(void **state)
{
	struct drive_rules rules = {.needed = SIZE};
	struct target target;

	(void)state;
	assert_int_equal(target_read(&this_machine, make_image("x"), 0, &target), 0);
	assert_int_equal(target_check(&this_machine, &target, &rules), 0);
	rules.needed++;
	assert_int_equal(target_check(&this_machine, &target, &rules), -ERR_NO_ROOM);
	assert_non_null(strstr(told, "8388609 bytes"));
	assert_non_null(strstr(told, "--size"));
}

static void another_file_of_that_name_is_refused(void **state)
{
	const char *path = make_image("x");
	struct target target;

	(void)state;
	assert_int_equal(target_read(&this_machine, path, 0, &target), 0);
	assert_int_equal(rename(path, at("moved.img")), 0);
	put_text(path, "theirs");
	assert_int_equal(target_open(&this_machine, &target), -ERR_REFUSED);
	target_close(&target);
	assert_int_equal(size_of(path), 6);
	assert_non_null(strstr(told, "nothing was written"));
}

static void a_locked_file_is_busy(void **state)
{
	const char *path = make_image("x");
	autoclose int fd = open(path, O_RDWR | O_CLOEXEC);
	struct target target;

	(void)state;
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(target_read(&this_machine, path, 2 * SIZE, &target), 0);
	assert_int_equal(target_open(&this_machine, &target), -ERR_BUSY);
	target_close(&target);
	assert_int_equal(size_of(path), SIZE);
}

/* A loop device on the image, where possible: this takes root, and a kernel with loop devices. */
struct loop {
	char node[32];
	int fd;
};

static bool attach(const char *image, struct loop *ret_loop)
{
	autoclose int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	autoclose int file = open(image, O_RDWR | O_CLOEXEC);
	int number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);
	/* It is detached when the process ends, even if a test fails. */
	const struct loop_info64 info = {.lo_flags = LO_FLAGS_AUTOCLEAR};

	snprintf(ret_loop->node, sizeof(ret_loop->node), "/dev/loop%d", number);
	ret_loop->fd = number < 0 ? -1 : open(ret_loop->node, O_RDWR | O_CLOEXEC);
	if (ret_loop->fd >= 0 && ioctl(ret_loop->fd, LOOP_SET_FD, file) == 0) {
		assert_int_equal(ioctl(ret_loop->fd, LOOP_SET_STATUS64, &info), 0);
		return true;
	}
	close_fd(&ret_loop->fd);
	return false;
}

static void detach(struct loop *loop)
{
	if (loop->fd >= 0)
		(void)ioctl(loop->fd, LOOP_CLR_FD, 0);
	close_fd(&loop->fd);
}

static void a_disk_is_claimed(void **state)
{
	static const struct drive_rules rules = {.allow_fixed = true};
	cleanup(detach) struct loop loop = {.fd = -1};
	struct target target, again;

	(void)state;
	if (!attach(make_image("x"), &loop))
		skip();
	assert_int_equal(target_read(&this_machine, loop.node, SIZE, &target), -ERR_REFUSED);
	assert_non_null(strstr(told, "--size"));
	assert_int_equal(target_read(&this_machine, loop.node, 0, &target), 0);
	assert_int_equal(target.kind, TARGET_DRIVE);
	assert_true(target.holds_data);
	assert_int_equal(target.size, SIZE);
	assert_string_equal(target.drive.bus, "virtual");
	assert_int_equal(target_check(&this_machine, &target, &no_rules), -ERR_REFUSED);
	assert_non_null(strstr(told, "--allow-fixed"));
	assert_int_equal(target_check(&this_machine, &target, &rules), 0);

	again = target;
	assert_int_equal(target_open(&this_machine, &target), 0);
	assert_int_equal(target_check(&this_machine, &again, &rules), -ERR_BUSY);
	assert_int_equal(target_open(&this_machine, &again), -ERR_BUSY);
	target_close(&again);
	target_close(&target);
	assert_int_equal(target_open(&this_machine, &again), 0);
	target_close(&again);
}

static void another_medium_in_the_drive_is_refused(void **state)
{
	cleanup(detach) struct loop loop = {.fd = -1};
	char node[32];
	struct target target;

	(void)state;
	if (!attach(make_image("x"), &loop))
		skip();
	assert_int_equal(target_read(&this_machine, loop.node, 0, &target), 0);
	strcpy(node, loop.node);
	target.path = node;
	target.drive.diskseq--;
	assert_int_equal(target_open(&this_machine, &target), -ERR_REFUSED);
	assert_non_null(strstr(told, "nothing was written"));
	target_close(&target);
	target.drive.diskseq++;
	target.drive.size -= 512;
	assert_int_equal(target_open(&this_machine, &target), -ERR_REFUSED);
	target_close(&target);
	target.drive.size += 512;
	strcpy(target.drive.serial, "other");
	assert_int_equal(target_open(&this_machine, &target), -ERR_REFUSED);
	target_close(&target);
	target.drive.serial[0] = '\0';
	assert_int_equal(target_open(&this_machine, &target), 0);
	target_close(&target);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_new_file_gets_its_size),
		TEST(a_new_file_is_removed_unless_kept),
		TEST(a_name_taken_in_the_meantime_is_left_alone),
		TEST(a_new_file_that_another_locks_first_is_left_to_it),
		TEST(a_new_file_that_is_given_up_is_not_a_target),
		TEST(a_file_filled_in_the_meantime_is_refused),
		TEST(an_existing_file_is_kept_and_resized),
		TEST(what_is_not_a_target_is_reported),
		TEST(a_missing_folder_is_reported),
		TEST(too_small_says_how_much_is_needed),
		TEST(another_file_of_that_name_is_refused),
		TEST(a_locked_file_is_busy),
		TEST(a_disk_is_claimed),
		TEST(another_medium_in_the_drive_is_refused),
	};

	return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}
