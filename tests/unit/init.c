/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Which init systems end the trial of a new kernel.
 */

#include "machine.h"

#include "machine/init.h"

static void systemd_does_if_the_unit_is_enabled(void **state)
{
	(void)state;
	assert_false(init_ends_trials(&host));
	/* elogind alone */
	put_text(at("run/systemd/seats/seat0"), "");
	put_text(at("proc/1/comm"), "dinit\n");
	assert_false(init_ends_trials(&host));
	at("run/systemd/system/");
	assert_false(init_ends_trials(&host));
	put_text(at("etc/systemd/system/multi-user.target.wants/liveng-bless.service"), "");
	assert_true(init_ends_trials(&host));
	assert_int_equal(symlink("/dev/null", at("etc/systemd/system/liveng-bless.service")), 0);
	assert_false(init_ends_trials(&host));
}

static void sysvinit_does_if_the_service_is_enabled(void **state)
{
	(void)state;
	put_text(at("proc/1/comm"), "init\n");
	put_text(at("run/initctl"), "");
	put_text(at("etc/rc2.d/K01liveng-bless"), "");
	assert_false(init_ends_trials(&host));
	put_text(at("etc/rc2.d/S05liveng-bless"), "");
	assert_true(init_ends_trials(&host));
	unlink(at("run/initctl"));
	assert_false(init_ends_trials(&host));
}

static void others_do_not_for_its_folders(void **state)
{
	static const char *const names[] = {"runit\n", "dinit\n", "s6-svscan\n", "", "init"};

	(void)state;
	put_text(at("etc/rc2.d/S05liveng-bless"), "");
	put_text(at("run/initctl"), "");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		put_text(at("proc/1/comm"), names[i]);
		assert_int_equal(init_ends_trials(&host), strcmp(names[i], "init") == 0);
	}
}

static void openrc_does_if_the_service_is_enabled(void **state)
{
	(void)state;
	put_text(at("proc/1/comm"), "init\n");
	put_text(at("run/openrc/softlevel"), "default\n");
	assert_false(init_ends_trials(&host));
	put_text(at("etc/runlevels/default/liveng-bless"), "");
	assert_true(init_ends_trials(&host));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(systemd_does_if_the_unit_is_enabled),
		TEST(sysvinit_does_if_the_service_is_enabled),
		TEST(others_do_not_for_its_folders),
		TEST(openrc_does_if_the_service_is_enabled),
	};

	return cmocka_run_group_tests_name("init", tests, NULL, NULL);
}
