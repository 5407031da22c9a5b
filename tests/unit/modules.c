/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Initrds made here, with index files like depmod's, each with one thing missing.
 */

#include "candidate/modules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "archive.h"
#include "kconfig.h"
#include "said.h"

#define RELEASE "6.1.0-99-amd64"
#define MODULES "usr/lib/modules/" RELEASE "/"

static const struct luks aes = {"LUKS2", {"aes-xts-plain64"}};

/* The modules of the initrd, sorted by name, with what each needs. */
static const struct index_line dependencies[] = {
	{"dm_crypt", "kernel/dm-crypt.ko: kernel/dm-mod.ko"},
	{"dm_mod", "kernel/dm-mod.ko:"},
	{"essiv", "kernel/essiv.ko:"},
	{"ext4", "kernel/fs/ext4/ext4.ko: kernel/fs/mbcache.ko kernel/fs/jbd2.ko"},
	{"hid", "kernel/hid.ko:"},
	{"hid_generic", "kernel/hid-generic.ko: kernel/hid.ko"},
	{"isofs", "kernel/isofs.ko:"},
	{"jbd2", "kernel/fs/jbd2.ko:"},
	{"loop", "kernel/loop.ko:"},
	{"mbcache", "kernel/fs/mbcache.ko:"},
	{"overlay", "kernel/overlay.ko:"},
	{"sha256_first", "kernel/sha256-first.ko:"},
	{"sha256_second", "kernel/sha256-second.ko:"},
	{"squashfs", "kernel/squashfs.ko:"},
	{"uas", "kernel/uas.ko: kernel/usb-storage.ko"},
	{"usb_storage", "kernel/usb-storage.ko:"},
	{"usbhid", "kernel/usbhid.ko: kernel/hid.ko"},
	{"vfat", "kernel/vfat.ko:"},
	{"xhci_hcd", "kernel/xhci-hcd.ko:"},
	{"xhci_pci", "kernel/xhci-pci.ko: kernel/xhci-hcd.ko"},
	{"xts", "kernel/xts.ko:"},
};

static const struct index_line builtin[] = {{"aes_generic", ""}, {"cbc", ""}, {"sd_mod", ""}};

/* kmod keeps aliases with `_` too. */
static const struct index_line aliases[] = {{"crypto_sha256", "sha256_first"},
	{"crypto_sha256", "sha256_second"}, {"crypto_xts", "xts"}};

static bool is_left_out(const char *const *left_out, const char *name)
{
	for (; *left_out; left_out++)
		if (strcmp(*left_out, name) == 0)
			return true;
	return false;
}

static void add_index(
	struct bytes *archive, const char *file, const struct index_line *lines, size_t count)
{
	cleanup(bytes_clear) struct bytes index = {0};
	char path[256];

	index_make(&index, lines, count);
	snprintf(path, sizeof(path), MODULES "%s", file);
	cpio_add(archive, path, 0100644, index.data, index.size);
}

/* An initrd without the files of the modules, the programs and the index files in @left_out. */
static struct bytes make_initrd(const char *const *left_out)
{
	struct bytes archive = {0};

	for (size_t i = 0; i < ARRAY_SIZE(dependencies); i++) {
		char path[256];

		if (is_left_out(left_out, dependencies[i].key))
			continue;
		snprintf(path, sizeof(path), MODULES "%.*s",
			(int)strcspn(dependencies[i].value, ":"), dependencies[i].value);
		cpio_add_file(&archive, path, "x");
	}
	if (!is_left_out(left_out, "modules.dep.bin"))
		add_index(&archive, "modules.dep.bin", dependencies, ARRAY_SIZE(dependencies));
	add_index(&archive, "modules.alias.bin", aliases, ARRAY_SIZE(aliases));
	if (!is_left_out(left_out, "modules.builtin.bin"))
		add_index(&archive, "modules.builtin.bin", builtin, ARRAY_SIZE(builtin));
	if (!is_left_out(left_out, "cryptsetup"))
		cpio_add_file(&archive, "usr/sbin/cryptsetup", "x");
	if (!is_left_out(left_out, "askpass"))
		cpio_add_file(&archive, "usr/lib/cryptsetup/askpass", "x");
	cpio_end(&archive);
	return archive;
}

#define check(luks, ...) check_kernel("", luks, __VA_ARGS__)
#define check_kernel(lines, luks, ...) \
	check_without(lines, luks, (const char *const[]){__VA_ARGS__, NULL})

static char warned[1024];

static void note_warning(void *data, const char *text)
{
	(void)data;
	snprintf(warned, sizeof(warned), "%s", text);
}

/* An initrd in which that is left out, for a kernel with these lines in its configuration (NULL: it
 * has none). Returns how many things are reported as missing, and checks that the result agrees. */
static unsigned int check_without(
	const char *lines, const struct luks *luks, const char *const *left_out)
{
	cleanup(kconfig_freep) struct kconfig *config = lines ? kconfig_with(lines) : NULL;
	const struct abilities abilities = {"vmlinuz", RELEASE, config};
	cleanup(bytes_clear) struct bytes file = make_initrd(left_out);
	cleanup(initrd_freep) struct initrd *initrd = NULL;
	autoclose int fd = file_with(file.data, file.size);
	int old, r;

	assert_int_equal(initrd_read(fd, "initrd.img", NULL, NULL, &initrd), 0);
	old = begin_listening();
	warned[0] = '\0';
	log_set_warning_sink(note_warning, NULL);
	r = modules_check(initrd, "initrd.img", luks, &abilities);
	log_set_warning_sink(NULL, NULL);
	end_listening(old);
	assert_int_equal(r, said_count > 0 ? -ERR_REFUSED : 0);
	return said_count;
}

static void assert_said(const char *text)
{
	if (!strstr(said, text))
		fail_msg("said \"%s\" instead of \"%s\"", said, text);
}

static void whole_initrd_passes(void **state)
{
	(void)state;
	assert_int_equal(check(NULL, NULL), 0);
	assert_int_equal(check(&aes, NULL), 0);
}

static void each_missing_module_is_named(void **state)
{
	static const char *const needed[][2] = {{"isofs", "isofs"}, {"loop", "loop"},
		{"overlay", "overlay"}, {"squashfs", "squashfs"}, {"uas", "uas"}, {"vfat", "vfat"},
		{"xhci_pci", "xhci-pci"}, {"ext4", "ext4"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		char text[128];

		assert_int_equal(check(NULL, needed[i][0]), 1);
		snprintf(text, sizeof(text), "lacks the module %s: add %s to", needed[i][1],
			needed[i][1]);
		assert_said(text);
	}
}

static void all_that_is_missing_is_named_at_once(void **state)
{
	(void)state;
	assert_int_equal(check(&aes, "isofs", "vfat", "loop", "xts"), 4);
}

static void missing_dependency_is_named(void **state)
{
	(void)state;
	/* The first and the last of a list. */
	assert_int_equal(check(NULL, "mbcache"), 1);
	assert_said("lacks the module mbcache, which ext4 needs");
	assert_int_equal(check(NULL, "jbd2"), 1);
	assert_said("lacks the module jbd2, which ext4 needs");
	/* Needed by itself and by uas. */
	assert_int_equal(check(NULL, "usb_storage"), 2);
	assert_int_equal(check(NULL, "xhci_hcd"), 2);
}

static void built_in_counts(void **state)
{
	(void)state;
	assert_int_equal(check(NULL, "modules.builtin.bin"), 1);
	assert_said("lacks the module sd_mod");
}

static void without_an_index_nothing_is_known(void **state)
{
	(void)state;
	assert_int_equal(check(NULL, "modules.dep.bin"), 1);
	assert_said("modules.dep.bin");
}

static void encryption_needs_more(void **state)
{
	(void)state;
	assert_int_equal(check(&aes, "dm_crypt"), 1);
	assert_said("dm-crypt");
	assert_int_equal(check(&aes, "dm_mod"), 1);
	assert_said("lacks the module dm-mod, which dm-crypt needs");
	assert_int_equal(check(&aes, "cryptsetup"), 1);
	assert_said("/sbin/cryptsetup");
	assert_said("install cryptsetup-initramfs");
	assert_int_equal(check(&aes, "askpass"), 1);
	assert_said("/lib/cryptsetup/askpass");
	/* One package brings them all. */
	assert_int_equal(check(&aes, "cryptsetup", "askpass", "dm_crypt", "xts"), 1);
	assert_int_equal(check(&aes, "cryptsetup", "isofs", "xts"), 2);
	assert_int_equal(check(NULL, "dm_crypt", "cryptsetup", "askpass", "xts"), 0);
}

static void the_header_names_the_ciphers(void **state)
{
	const struct luks essiv = {"LUKS1", {"aes-cbc-essiv:sha256"}};
	const struct luks serpent = {"LUKS2", {"aes-xts-plain64", "serpent-xts-plain64"}};
	const struct luks several = {"LUKS2", {"xts,serpent,aes-adiantum-plain64"}};
	const struct luks odd = {"LUKS2", {"a[*?--:-"}};
	const struct luks capi = {"LUKS2", {"capi:xts(aes)-plain64"}};

	(void)state;
	assert_int_equal(check(&aes, "xts"), 1);
	assert_said("lacks the module xts");
	assert_int_equal(check(&essiv, "xts"), 0);
	assert_int_equal(check(&essiv, "essiv"), 1);
	assert_said("lacks the module essiv");
	/* If several would do, one is enough. */
	assert_int_equal(check(&essiv, "sha256_first"), 0);
	assert_int_equal(check(&essiv, "sha256_second"), 0);
	assert_int_equal(check(&essiv, "sha256_first", "sha256_second"), 1);
	assert_said("lacks the module sha256");
	assert_int_equal(check(&serpent, NULL), 1);
	assert_said("lacks the module serpent");
	assert_int_equal(check(&several, NULL), 2);
	assert_int_equal(check(&odd, NULL), 1);
	assert_int_equal(check(&capi, NULL), 0);
}

#define OFF(option) "# CONFIG_" option " is not set\n"

static void what_the_kernel_was_built_without_is_its_own_lack(void **state)
{
	static const char *const options[][2] = {{"USB_STORAGE", "usb_storage"}, {"USB_UAS", "uas"},
		{"USB_XHCI_PCI", "xhci_pci"}, {"ISO9660_FS", "isofs"}, {"BLK_DEV_LOOP", "loop"},
		{"SQUASHFS", "squashfs"}, {"OVERLAY_FS", "overlay"}, {"EXT4_FS", "ext4"},
		{"VFAT_FS", "vfat"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		char line[64], text[128];

		snprintf(line, sizeof(line), OFF("%s"), options[i][0]);
		snprintf(text, sizeof(text),
			"vmlinuz: the kernel was built without CONFIG_%s, which a", options[i][0]);
		/* A second message is of uas, which needs usb-storage. */
		assert_in_range(check_kernel(line, NULL, options[i][1]), 1, 2);
		if (i > 0)
			assert_said(text);
		/* Even if there is such a module. */
		assert_int_equal(check_kernel(line, NULL, NULL), 1);
		assert_said(text);
		assert_said("install linux-image-amd64 instead");
	}
	assert_int_equal(check_kernel(OFF("DM_CRYPT"), NULL, "dm_crypt"), 0);
	assert_int_equal(check_kernel(OFF("DM_CRYPT"), &aes, "dm_crypt"), 1);
	assert_said("without CONFIG_DM_CRYPT");
}

static void a_kernel_without_usb_is_told_once(void **state)
{
	(void)state;
	assert_int_equal(check_kernel(OFF("USB"), &aes, "usb_storage", "uas", "xhci_hcd",
				 "xhci_pci", "cryptsetup"),
		1);
	assert_said("vmlinuz: the kernel has no USB, as it was built for virtual machines");
	assert_said("install linux-image-amd64 instead");
	assert_null(strstr(said, "initramfs"));
}

/* An option may get another name in a later kernel: what is there counts. */
static void an_option_that_is_not_mentioned_is_no_lack(void **state)
{
	static const char text[] = "CONFIG_BLK_DEV_INITRD=y\n";
	cleanup(kconfig_freep) struct kconfig *config = NULL;
	struct abilities abilities = {"vmlinuz", RELEASE, NULL};

	(void)state;
	assert_int_equal(kconfig_from(text, strlen(text), &config), 0);
	abilities.config = config;
	assert_false(abilities_lack(&abilities, "SQUASHFS", true));
	assert_true(abilities_lack(&abilities, "SQUASHFS", false));
}

static void without_a_configuration_it_is_the_initrd_s_lack(void **state)
{
	(void)state;
	assert_int_equal(check_kernel(NULL, NULL, NULL), 0);
	assert_int_equal(check_kernel(NULL, NULL, "squashfs"), 1);
	assert_said("the initrd lacks the module squashfs");
}

static void usb_keyboard_is_only_a_warning(void **state)
{
	static const char *const modules[] = {"usbhid", "hid_generic", "hid"};

	(void)state;
	assert_int_equal(check(&aes, NULL), 0);
	assert_string_equal(warned, "");
	for (size_t i = 0; i < ARRAY_SIZE(modules); i++) {
		assert_int_equal(check(&aes, modules[i]), 0);
		assert_non_null(strstr(warned, "initrd.img: the initrd lacks the module"));
		assert_non_null(strstr(warned, "cannot be typed on a USB keyboard: add usbhid and "
					       "hid-generic to /etc/initramfs-tools/modules"));
		assert_int_equal(check(NULL, modules[i]), 0);
		assert_string_equal(warned, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_initrd_passes),
		cmocka_unit_test(each_missing_module_is_named),
		cmocka_unit_test(all_that_is_missing_is_named_at_once),
		cmocka_unit_test(missing_dependency_is_named),
		cmocka_unit_test(built_in_counts),
		cmocka_unit_test(without_an_index_nothing_is_known),
		cmocka_unit_test(encryption_needs_more),
		cmocka_unit_test(the_header_names_the_ciphers),
		cmocka_unit_test(what_the_kernel_was_built_without_is_its_own_lack),
		cmocka_unit_test(a_kernel_without_usb_is_told_once),
		cmocka_unit_test(an_option_that_is_not_mentioned_is_no_lack),
		cmocka_unit_test(without_a_configuration_it_is_the_initrd_s_lack),
		cmocka_unit_test(usb_keyboard_is_only_a_warning),
	};

	return cmocka_run_group_tests_name("modules", tests, NULL, NULL);
}
