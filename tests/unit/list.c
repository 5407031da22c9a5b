/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * What `list` prints of a machine, as text and as JSON.
 */

#include "machine.h"

#include "../../deploy/run.h" /* livengkupd has one as well */

#define STICK "pci0000:00/0000:00:14.0/usb2/2-1/host6/block/sdb"
#define DISK  "pci0000:00/0000:00:17.0/ata1/host0/block/sda"

static char printed[8192];

static void set(const char *folder, const char *name, const char *value)
{
	put_text(at("sys/devices/%s/%s", folder, name), value);
}

static void add(const char *folder, const char *name, unsigned int minor_number,
	const char *sectors, const char *model)
{
	add_device(folder, name, makedev(8, minor_number));
	set(folder, "size", sectors);
	set(folder, "ro", "0\n");
	set(folder, "device/model", model);
}

static void add_stick_with_an_image(void)
{
	static char image[65536];

	add(STICK, "sdb", 16, "60062500\n", "Ultra Fit\n");
	set(STICK, "removable", "1\n");
	set("pci0000:00/0000:00:14.0/usb2/2-1", "idVendor", "0781\n");
	set("pci0000:00/0000:00:14.0/usb2/2-1", "serial", "4C530001\n");
	/* ECMA-119 8.4: the primary volume descriptor, its volume identifier at byte 40. */
	memcpy(image + 32768, "\1CD001\1", 7);
	memcpy(image + 32768 + 40, "d-live nf 12.5                  ", 32);
	memcpy(image + 34816, "\377CD001\1", 7);
	put(at("dev/sdb"), image, sizeof(image));
}

static void add_system_disk(void)
{
	add(DISK, "sda", 0, "1000215216\n", "Samsung SSD 860\n");
	add_device(DISK "/sda1", "sda1", makedev(8, 1));
	set(DISK "/sda1", "partition", "1\n");
	set_mounts("30 1 8:1 / /boot rw - ext4 /dev/sda1 rw\n");
}

/* Run the verb and keep its standard output. */
static struct json_object *list(const struct deploy_options *options)
{
	struct deploy_run run = {
		.options = options, .host = host, .result = json_object_new_object()};
	int old = dup(STDOUT_FILENO);
	FILE *file = tmpfile();
	size_t n;

	assert_non_null(file);
	fflush(stdout);
	dup2(fileno(file), STDOUT_FILENO);
	assert_int_equal(list_verb(&run), 0);
	fflush(stdout);
	dup2(old, STDOUT_FILENO);
	close(old);
	rewind(file);
	n = fread(printed, 1, sizeof(printed) - 1, file);
	printed[n] = '\0';
	fclose(file);
	return run.result;
}

static void disks_are_listed_with_the_reason_why_not(void **state)
{
	static const struct deploy_options options = {0};

	(void)state;
	add_stick_with_an_image();
	add_system_disk();
	json_object_put(list(&options));
	assert_non_null(strstr(printed, "Can be written to:\n  "));
	assert_non_null(
		strstr(printed, "dev/sdb   30.8 GB  usb  Ultra Fit        serial 4C530001\n"));
	assert_non_null(strstr(printed, "  holds ISO 9660 \"d-live nf 12.5\"\n"));
	assert_non_null(strstr(printed, "\nNot written to:\n"));
	assert_non_null(strstr(printed, "dev/sda  512.1 GB  ata  Samsung SSD 860\n"));
	assert_non_null(strstr(printed, "  holds the running system (/boot): use another disk\n"));
	assert_true(strstr(printed, "dev/sdb") < strstr(printed, "dev/sda"));
}

static void no_disk_is_reported(void **state)
{
	static const struct deploy_options options = {0};

	(void)state;
	at("sys/class/block/");
	json_object_put(list(&options));
	assert_string_equal(printed, "There is no disk that can be written to: plug in a stick.\n");
}

static const char *text_of(struct json_object *object, const char *name)
{
	return json_object_get_string(json_object_object_get(object, name));
}

static void json_has_all_of_it(void **state)
{
	static const struct deploy_options options = {.json = true};
	struct json_object *result, *disks, *stick, *disk;

	(void)state;
	add_stick_with_an_image();
	add_system_disk();
	result = list(&options);
	assert_string_equal(printed, "");
	disks = json_object_object_get(result, "disks");
	assert_int_equal(json_object_array_length(disks), 2);
	disk = json_object_array_get_idx(disks, 0);
	stick = json_object_array_get_idx(disks, 1);
	assert_string_equal(text_of(stick, "node"), at("dev/sdb"));
	assert_string_equal(text_of(stick, "model"), "Ultra Fit");
	assert_string_equal(text_of(stick, "serial"), "4C530001");
	assert_string_equal(text_of(stick, "bus"), "usb");
	assert_string_equal(text_of(stick, "contents"), "ISO 9660 \"d-live nf 12.5\"");
	assert_string_equal(text_of(stick, "size"), "30752000000");
	assert_string_equal(text_of(stick, "is_candidate"), "true");
	assert_null(text_of(stick, "why_not"));
	assert_string_equal(text_of(disk, "is_candidate"), "false");
	assert_null(text_of(disk, "serial"));
	assert_string_equal(text_of(disk, "why_not"), "holds the running system (/boot)");
	assert_string_equal(text_of(disk, "way_out"), "use another disk");
	json_object_put(result);
}

static void options_make_candidates(void **state)
{
	static const struct deploy_options options = {.json = true, .allow_fixed = true};
	struct json_object *result;

	(void)state;
	add_system_disk();
	set_mounts("");
	result = list(&options);
	assert_string_equal(
		text_of(json_object_array_get_idx(json_object_object_get(result, "disks"), 0),
			"is_candidate"),
		"true");
	json_object_put(result);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(disks_are_listed_with_the_reason_why_not),
		TEST(no_disk_is_reported),
		TEST(json_has_all_of_it),
		TEST(options_make_candidates),
	};

	return cmocka_run_group_tests_name("list", tests, NULL, NULL);
}
