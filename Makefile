# liveng: a live stick whose kernel apt can update. `make help` lists the targets.

BUILD   ?= build
VERSION := $(shell sed -n '1s/.*(\([^-)]*\).*/\1/p' debian/changelog)

comma := ,

# What the programs are made of: pkg-config names, and one library that has none.
LIBS = libisofs-1 libburn-1 blkid fdisk libcryptsetup libkmod liblzma libzstd liblz4 libcrypto libxxhash \
	zlib json-c uuid ext2fs com_err libsquashfs1

# Own flags before the user's, so that the user's win. Not `:=`: `make check` installs pkg-config first.
WARNINGS     = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes $(if $(CI),-Werror)
OWN_CPPFLAGS = -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DVERSION='"$(VERSION)"' \
	-DLIVENG_DATA='"/usr/share/liveng-deploy"' -Ikupd/lib -Ikupd -Ideploy \
	$(LIBS_CFLAGS) $(CPPFLAGS)
OWN_CFLAGS   = -std=gnu11 -O2 -g $(WARNINGS) $(SANITIZE) $(CFLAGS)
OWN_LDFLAGS  = -Wl,--as-needed $(SANITIZE) $(LDFLAGS)
LIBS_CFLAGS  = $(eval LIBS_CFLAGS := $(call pkg-config,--cflags))$(LIBS_CFLAGS)
LIBS_LDLIBS  = $(eval LIBS_LDLIBS := $(call pkg-config,--libs) -lbz2 -lpthread)$(LIBS_LDLIBS)
# livengkupd brings its libisofs along: live systems do not have it, and it must install there offline.
STATIC_LIBS  = $(patsubst -lisofs,-Wl$(comma)-Bstatic -lisofs -ljte -Wl$(comma)-Bdynamic -lacl,$(LIBS_LDLIBS))
pkg-config   = $(or $(shell $(or $(PKG_CONFIG),pkg-config) $1 $(LIBS) 2> /dev/null),$(error a library is missing: run `make deps`))

ifdef SAN
override BUILD := $(BUILD)/san
# gcc guesses worse at the lengths of texts when it also instruments them.
SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -Wno-format-truncation
endif

# kupd/lib, kupd/program: what both programs share. deploy: its main.c stands apart, for the unit tests.
objects    = $(patsubst %.c,$(BUILD)/%.o,$(wildcard $1/*.c))
LIB_OBJ    = $(call objects,kupd/lib/*) $(call objects,kupd/program)
KUPD_OBJ   = $(call objects,kupd)
DEPLOY_OBJ = $(filter-out %/main.o,$(call objects,deploy) $(call objects,deploy/*))
UNIT_BIN   = $(basename $(call objects,tests/unit))
PROGRAMS   = $(BUILD)/livengkupd $(BUILD)/liveng-deploy

# What building needs says debian/control; what testing needs, on Debian 12 and later.
BUILD_PACKAGES := build-essential $(filter-out debhelper-compat,$(shell \
	sed -n '/^Build-Depends/,/^[^ ]*-Version/s/^ \([a-z0-9.+-]*\).*/\1/p' debian/control))
CHECK_PACKAGES := clang clang-format libclang-rt-dev shellcheck mandoc libcmocka-dev nettle-dev python3-pytest \
	python3-pytest-xdist xorriso mtools dosfstools fdisk gdisk e2fsprogs grub-common grub-efi-amd64-bin \
	grub-efi-ia32-bin grub-pc-bin grub-emu cryptsetup-bin util-linux genisoimage kmod zstd lz4 xz-utils bzip2 \
	cpio strace bash-completion squashfs-tools shim-signed grub-efi-amd64-signed mmdebstrap debhelper dpkg-dev \
	debian-archive-keyring lintian console-setup
SLOW_PACKAGES  := live-build qemu-system-x86 qemu-utils ovmf git gnupg reprepro hyperfine time blhc diffoscope-minimal

all: $(PROGRAMS)
help:
	@echo 'make               build both programs into $(BUILD)/'
	@echo 'make demo          the main job, seen working in a virtual machine'
	@echo 'make check         tests; check-fast [K=word]: those of minutes; check-vm [PART=K/N]: all of them, hours'
	@echo 'make bench         compare with the published way of writing'
	@echo 'make deb           Debian packages, into $(BUILD)/'
	@echo 'make deps          install what all of these need (apt)'
	@echo 'make install       programs and hooks, into DESTDIR; units and settings come with the packages'
	@echo 'SAN=1, CI=1        with address and undefined behaviour sanitizers; warnings are errors'

$(BUILD)/livengkupd: $(KUPD_OBJ) $(BUILD)/libliveng.a
$(BUILD)/liveng-deploy: $(BUILD)/deploy/main.o $(BUILD)/libdeploy.a $(BUILD)/libliveng.a
$(BUILD)/livengkupd:
	$(CC) $(OWN_CFLAGS) $(OWN_LDFLAGS) -o $@ $^ $(STATIC_LIBS) $(LDLIBS)
$(BUILD)/liveng-deploy:
	$(CC) $(OWN_CFLAGS) $(OWN_LDFLAGS) -o $@ $^ $(LIBS_LDLIBS) $(LDLIBS)
$(BUILD)/libliveng.a: $(LIB_OBJ)
$(BUILD)/libdeploy.a: $(DEPLOY_OBJ)
$(BUILD)/%.a:
	rm -f $@ && $(AR) rcs $@ $^
$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(OWN_CPPFLAGS) $(OWN_CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/libdeploy.a $(BUILD)/libliveng.a
	$(CC) $(OWN_CFLAGS) $(OWN_LDFLAGS) -o $@ $^ $(LIBS_LDLIBS) $(LDLIBS) -lcmocka -lnettle
# The programs in which a call of our own objects fails: tests/data/owncalls.c.
OWN_CALLS     = main malloc calloc realloc reallocarray strdup strndup realpath posix_memalign asprintf vasprintf \
	getdelim open_memstream fdopen ftruncate64 memfd_create mkostemp64 mkdtemp open64 openat64 fopen64 pwrite64 write
OWN_CALLS_BIN = $(addprefix $(BUILD)/tests/owncalls/,livengkupd liveng-deploy)
$(BUILD)/tests/owncalls/livengkupd: $(KUPD_OBJ) $(BUILD)/tests/data/owncalls.o $(BUILD)/libliveng.a
$(BUILD)/tests/owncalls/liveng-deploy: $(BUILD)/deploy/main.o $(BUILD)/tests/data/owncalls.o \
	$(BUILD)/libdeploy.a $(BUILD)/libliveng.a
$(OWN_CALLS_BIN):
	@mkdir -p $(@D)
	$(CC) $(OWN_CFLAGS) $(OWN_LDFLAGS) $(addprefix -Wl$(comma)--wrap=,$(OWN_CALLS)) -o $@ $^ $(LIBS_LDLIBS) $(LDLIBS)
unit: $(UNIT_BIN) $(OWN_CALLS_BIN)

# SOURCE:TARGET; what can be run here can be run there.
SHARE   = /usr/share
FILES   = $(foreach p,kupd/livengkupd deploy/liveng-deploy,$(BUILD)/$(notdir $p):/usr/sbin/$(notdir $p) \
		$p.8:$(SHARE)/man/man8/$(notdir $p).8 $p.bash-completion:$(SHARE)/bash-completion/completions/$(notdir $p)) \
	$(foreach f,grub.cfg theme/theme.txt theme/bar_c.png first/9998-liveng-first.sh first/first-boot \
		first/liveng-first.service,deploy/data/$f:$(SHARE)/liveng-deploy/$f) \
	$(foreach f,postinst.d/0-liveng postinst.d/zz-liveng postrm.d/zz-liveng,kernel-hooks/$f:/etc/kernel/$f) \
	initramfs-hooks/post-update.d/zz-liveng:/etc/initramfs/post-update.d/zz-liveng \
	initramfs-hooks/conf-hook:$(SHARE)/initramfs-tools/conf-hooks.d/liveng \
	initramfs-hooks/liveng:$(SHARE)/initramfs-tools/hooks/liveng kernel-hooks/hook:/usr/libexec/liveng/hook \
	kernel-hooks/update-motd.d/80-liveng:/etc/update-motd.d/80-liveng \
	$(foreach p,liveng liveng-deploy,initramfs-hooks/9999-liveng.sh:$(SHARE)/$p/9999-liveng.sh)

install: $(PROGRAMS)
	set -e; for f in $(FILES); do mode=644; [ ! -x "$${f%:*}" ] || mode=755; \
		install -D -m $$mode "$${f%:*}" "$(DESTDIR)$${f#*:}"; done
uninstall:
	for f in $(FILES); do rm -f "$(DESTDIR)$${f#*:}"; done

# Install only what is missing: a second run asks nobody for a password.
deps:
	@missing=$$(for p in $(BUILD_PACKAGES) $(CHECK_PACKAGES) $(SLOW_PACKAGES); do \
		dpkg-query -Wf '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	[ -z "$$missing" ] && exit; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	$$sudo env DEBIAN_FRONTEND=noninteractive tests/data/archive.sh sh -c \
		'apt-get update -q && exec apt-get install -qy --no-install-recommends "$$@"' apt-get $$missing

# Debian's pytest, whatever python3 comes first. Two workers: the virtual machines beside the rest.
PYTEST = /usr/bin/python3 -m pytest -q -n 2 --dist loadgroup -p no:cacheprovider

# check-fast: what a plain build and a few real kernels are enough for, and takes minutes; K=word: only what
# matches (pytest -k). check-vm: everything; PART=K/N: the Kth of N parts; what passed on this commit is skipped.
check-fast: deps
	$(MAKE) -j 2 all unit $(BUILD)/material/stamp
	$(PYTEST) -m 'not (slow or full)' $(if $(K),-k '$(K)') tests/cli tests/unit tests/test_source.py
check check-vm: export LIVENG_PROGRAMS = build/san
check: IMAGES = live.iso
check: check-build
	$(PYTEST) -m 'not full' tests/vm tests/hooks tests/cli tests/unit tests/test_source.py
check-vm: IMAGES = live.iso live-trixie.iso stock.iso stock-newer.iso bare.iso stock-trixie.iso live-sysvinit.iso
check-vm: check-build $(BUILD)/hooks/testing/stamp
	LIVENG_MODEL_STATES=1200 $(PYTEST) --resume $(if $(PART),--part $(PART)) tests; \
		status=$$?; /usr/bin/python3 tests/vm/matrix.py && exit $$status

# A second make, so that the packages are there when it asks pkg-config.
check-build: deps
	$(MAKE) -j 2 all unit
	$(MAKE) -j 2 all unit SAN=1
	$(MAKE) -j 4 $(BUILD)/packages.stamp $(addprefix $(BUILD)/,$(IMAGES:%=vm/%) hooks/bookworm/stamp \
		hooks/trixie/stamp material/stamp)

$(BUILD)/material/stamp: tests/data/material.sh
	tests/data/material.sh $(BUILD)/material
$(BUILD)/hooks/%/stamp: tests/hooks/base.sh tests/hooks/mkinitramfs
	tests/hooks/base.sh $* $(@D)

# Live images, each built anew when what it is made of has changed: live-image.sh looks.
IMAGE_PACKAGES = $(foreach p,livengkupd linux-image-liveng-common linux-image-liveng-amd64,$(BUILD)/$p_*.deb)
$(BUILD)/packages.stamp: $(shell git ls-files --cached --others --exclude-standard \
		Makefile kupd deploy kernel-hooks initramfs-hooks debian 2> /dev/null)
	debian/build.sh $(BUILD) && touch $@
%-trixie.iso: IMAGE = --suite trixie
%-sysvinit.iso: IMAGE = --init sysvinit
$(addprefix $(BUILD)/vm/,stock.iso stock-newer.iso bare.iso stock-trixie.iso): IMAGE_PACKAGES =
$(BUILD)/vm/stock.iso: IMAGE = --stock "plymouth lvm2 cryptsetup"
$(BUILD)/vm/stock-newer.iso: IMAGE = --newest yes --stock "plymouth lvm2 cryptsetup"
$(BUILD)/vm/bare.iso: IMAGE = --stock ncurses-base
$(BUILD)/vm/stock-trixie.iso: IMAGE = --suite trixie --stock "plymouth cryptsetup"
$(BUILD)/vm/%.iso: $(BUILD)/packages.stamp tests/vm/live-image.sh
	tests/vm/live-image.sh $(IMAGE) $@ $(IMAGE_PACKAGES)

demo: deps
	$(MAKE) all $(BUILD)/material/stamp $(BUILD)/vm/stock.iso
	/usr/bin/python3 tests/vm/demo.py
# The matrix in README.md from what check-vm has seen; the pictures in it.
matrix:
	/usr/bin/python3 tests/vm/matrix.py
pictures: all $(BUILD)/material/stamp $(BUILD)/vm/live.iso
	/usr/bin/python3 tests/vm/pictures.py
bench: deps
	$(MAKE) all $(BUILD)/material/stamp $(BUILD)/vm/live.iso $(BUILD)/vm/stock.iso
	tests/bench.sh
	tests/bench-deploy.sh
deb:
	debian/build.sh $(BUILD)
clean:
	rm -rf build
-include $(LIB_OBJ:.o=.d) $(KUPD_OBJ:.o=.d) $(DEPLOY_OBJ:.o=.d) $(BUILD)/deploy/main.d $(UNIT_BIN:=.d)
.PHONY: all help unit install uninstall deps check check-fast check-build check-vm matrix pictures demo bench deb clean
.SECONDARY:
