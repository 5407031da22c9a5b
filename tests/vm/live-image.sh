#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# live-image.sh OUT.iso: build the live image that the tests in virtual machines boot: Debian 12,
# small, with the oldest kernel that the archive has, so that there is a newer one to update to.
#
# Takes the mirrors of this machine's own apt. Needs root; asks sudo for it.

set -eu

suite=bookworm
kernels='^linux-image-6\.1\.0-[0-9]+-amd64$'

[ $# = 1 ] || { echo "usage: $0 OUT.iso" >&2; exit 2; }
[ "$(id -u)" = 0 ] || exec sudo -- "$0" "$@"

mkdir -p "$(dirname "$1")"
out=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
work=${out%.iso}.work

# The place that apt fetches a suite from, as sources.list has it.
mirror()
{
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(SITE)' 'Created-By: Packages' "Codename: $1" | head -n 1
}

main=$(mirror $suite)
security=$(mirror $suite-security)
old=$(apt-cache search --names-only "$kernels" | cut -d ' ' -f 1 | sort -V | head -n 1)
[ -n "$main" ] || { echo "$0: apt has no mirror of $suite" >&2; exit 1; }
[ -n "$security" ] || { echo "$0: apt has no mirror of $suite-security" >&2; exit 1; }
[ -n "$old" ] || { echo "$0: apt knows no kernel, run apt-get update" >&2; exit 1; }

# An earlier build's packages are worth keeping, nothing else is.
mkdir -p "$work"
cd "$work"
find . -mindepth 1 -maxdepth 1 ! -name cache -exec rm -rf --one-file-system {} +
rm -rf cache/bootstrap

lb config \
	--distribution $suite --archive-areas main --architecture amd64 \
	--mirror-bootstrap "$main" --parent-mirror-bootstrap "$main" \
	--mirror-chroot "$main" --parent-mirror-chroot "$main" \
	--mirror-binary "$main" --parent-mirror-binary "$main" \
	--mirror-chroot-security "$security" --parent-mirror-chroot-security "$security" \
	--mirror-binary-security "$security" --parent-mirror-binary-security "$security" \
	--debootstrap-options --variant=minbase --apt-recommends false --apt-indices true \
	--linux-packages "${old%-amd64}" --linux-flavours amd64 \
	--bootloaders grub-efi --uefi-secure-boot enable \
	--chroot-squashfs-compression-type lz4 \
	--firmware-chroot false --firmware-binary false --memtest none --debian-installer none \
	--checksums none --zsync false --win32-loader false

cat > config/package-lists/live.list.chroot <<-END
	live-boot live-tools systemd-sysv zstd iproute2 procps
	libisofs6 libkmod2 libblkid1 libcryptsetup12 libarchive13 libssl3 libjson-c5 zlib1g
END

# put FILE: what stands on stdin becomes that file of the image.
put()
{
	mkdir -p "config/includes.chroot_before_packages$(dirname "$1")"
	cat > "config/includes.chroot_before_packages$1"
}

put /etc/hostname <<-END
	liveng
END
put /etc/apt/apt.conf.d/90vm <<-END
	Acquire::Languages "none";
END
put /etc/dpkg/dpkg.cfg.d/vm <<-END
	path-exclude=/usr/share/doc/*
	path-exclude=/usr/share/man/*
	path-exclude=/usr/share/locale/*
END

# The initrd is built inside an emulated machine too, where each module costs: those that a stick
# needs and no others.
put /etc/initramfs-tools/conf.d/vm <<-END
	MODULES=list
	COMPRESS=zstd
	COMPRESSLEVEL=1
END
put /etc/initramfs-tools/modules <<-END
	xhci-pci
	ehci-pci
	usb-storage
	uas
	sd_mod
	isofs
	squashfs
	overlay
	loop
	ext4
	vfat
	nls_cp437
	nls_ascii
	nls_utf8
END
# live-boot's initramfs hook reads this file, so this takes away all of the kernel's network drivers.
put /etc/live/boot.conf <<-END
	auto_add_modules() { :; }
END

# A root shell on the serial line, the network of QEMU's user mode, nothing that runs by itself.
put /etc/systemd/system/serial-getty@ttyS0.service.d/vm.conf <<-END
	[Service]
	ExecStart=
	ExecStart=-/sbin/agetty --autologin root --noclear --keep-baud 115200 %I dumb
END
put /etc/systemd/network/vm.network <<-END
	[Match]
	Name=en* eth*
	[Network]
	DHCP=ipv4
END
cat > config/hooks/normal/9900-vm.hook.chroot <<-END
	#!/bin/sh
	set -e
	systemctl enable systemd-networkd.service
	systemctl mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer \
		dpkg-db-backup.timer systemd-networkd-wait-online.service getty@tty1.service
END
mkdir -p config/includes.chroot_after_packages/etc
echo 'nameserver 10.0.2.3' > config/includes.chroot_after_packages/etc/resolv.conf

lb build

mv ./*.iso "$out.new"
touch "$out.new" # live-build dates it back to its start
[ -z "${SUDO_UID:-}" ] || chown "$SUDO_UID:${SUDO_GID:-}" "$out.new"
mv "$out.new" "$out"
find . -mindepth 1 -maxdepth 1 ! -name cache -exec rm -rf --one-file-system {} +
