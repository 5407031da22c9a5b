#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# base.sh SUITE DIR: make DIR a system of that Debian suite as it runs from a live stick before liveng
# comes: real live-boot, live-tools, cryptsetup and a kernel that is not the newest. DIR then holds
#
#   root/        the system; apt has its lists, and all packages that the tests install
#   live.iso     a live image with that kernel, and the initrd of an image without liveng
#   env          OLDEST=, OLD=, NEW= (kernel releases; OLDEST may be missing)
#   stamp        written last
#
# Packages come from where this machine's own apt has its suite from. Needs root; asks sudo for it.

set -eu

[ $# = 2 ] || { echo "usage: $0 SUITE DIR" >&2; exit 2; }
[ "$(id -u)" = 0 ] || exec sudo -- "$0" "$@"
suite=$1
fetch=$(cd "$(dirname "$0")/../data" && pwd)/archive.sh
rm -rf --one-file-system "$2"
mkdir -p "$2"
dir=$(cd "$2" && pwd)
root=$dir/root

# The place that apt fetches a suite from, as sources.list has it.
mirror()
{
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(SITE)' 'Created-By: Packages' "Codename: $1" | head -n 1
}

inside()
{
	$again env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive \
		chroot "$root" "$@"
}
again=

# shellcheck source=/dev/null
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
main=$(mirror "$codename") security=$(mirror "$codename-security")
[ -n "${main:+$security}" ] || { echo "$0: apt has no mirror of $codename" >&2; exit 1; }

# Testing has only one kernel: the older ones are stable's. A mirror may have it as it was a while ago.
before=
stale=
if [ "$suite" = testing ]; then
	before="deb $main stable main"
	stale=yes
fi

# Nobody here asks for most of a kernel's modules; live-boot's hook would take all network drivers.
# shellcheck disable=SC2016
"$fetch" sh -c 'rm -rf --one-file-system "$0" && exec "$@"' "$root" \
	mmdebstrap --quiet --mode=root --variant=apt --skip=cleanup/apt/lists,check/qemu \
	--keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
	${stale:+--aptopt='Acquire::Check-Valid-Until "false"'} \
	--aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' \
	--dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' \
	--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
	--essential-hook='for d in drivers/net drivers/gpu drivers/media drivers/infiniband \
		drivers/iio drivers/staging sound; do
			echo "path-exclude=/lib/modules/*/kernel/$d/*"
			echo "path-exclude=/usr/lib/modules/*/kernel/$d/*"
		done > "$1/etc/dpkg/dpkg.cfg.d/modules"
		mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/etc/live"
		printf "%s\n" MODULES=list COMPRESS=zstd COMPRESSLEVEL=1 > "$1/etc/initramfs-tools/conf.d/test"
		echo "auto_add_modules() { :; }" > "$1/etc/live/boot.conf"' \
	--include=initramfs-tools,zstd,live-boot,live-boot-initramfs-tools,live-tools,mount \
	"$suite" "$root" "deb $main $suite main" "deb $security $suite-security main" ${before:+"$before"}

# The newest three releases of the suite's own series; if there is only one, of all.
new=$(inside apt-cache show linux-image-amd64 | sed -n 's/^Depends: linux-image-\([^ ]*\).*/\1/p' |
	sort -V | tail -n 1)
all=$(inside apt-cache search --names-only '^linux-image-[0-9][^ ]*[0-9]-amd64$' |
	sed 's/^linux-image-\([^ ]*\) .*/\1/' | sort -V)
series=$(echo "$all" | grep -F "$(echo "$new" | cut -d . -f 1,2).")
[ "$series" != "$new" ] || series=$all
older()
{
	echo "$series" | grep -Fx -B 1 "$1" | head -n 1
}
old=$(older "$new")
oldest=$(older "$old")
[ "$old" != "$new" ] || { echo "$0: $suite has no two kernels" >&2; exit 1; }

# The modules of a stock image, for its initrd; afterwards the hooks have to see to them.
printf '%s\n' usb-storage uas xhci-hcd xhci-pci isofs > "$root/etc/initramfs-tools/modules"

# What the package under test depends on, and what the tests install and upgrade.
again=$fetch
{
	inside apt-get -qy install "linux-image-$old" cryptsetup-initramfs libjson-c5
	inside apt-get -qy --download-only install linux-image-amd64 "linux-image-$oldest"
	inside apt-get -qy --download-only --reinstall install "linux-image-$old" cryptsetup-initramfs \
		live-boot live-boot-initramfs-tools
	inside apt-get -qy --download-only install xorriso mtools dosfstools e2fsprogs fdisk grub-common \
		grub-efi-amd64-bin
} > "$dir/log" 2>&1 || { cat "$dir/log" >&2; exit 1; }
again=

inside dpkg-divert --quiet --local --rename /usr/sbin/mkinitramfs
install -m 755 "$(dirname "$fetch")/../hooks/mkinitramfs" "$root/usr/sbin/"

# The image. Nobody boots it: its squashfs may be small.
image=$dir/image
mkdir -p "$image/live" "$image/EFI/boot" "$image/boot/grub" "$dir/squashfs"
cp "$root/boot/vmlinuz-$old" "$root/boot/initrd.img-$old" "$image/live/"
mksquashfs "$dir/squashfs" "$image/live/filesystem.squashfs" -quiet -no-progress >> "$dir/log"
cp /usr/lib/shim/shimx64.efi.signed "$image/EFI/boot/bootx64.efi"
cp /usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed "$image/EFI/boot/grubx64.efi"
cat > "$image/boot/grub/grub.cfg" <<-END
	menuentry "Live" {
		linux /live/vmlinuz-$old boot=live
		initrd /live/initrd.img-$old
	}
END
xorriso -as mkisofs -quiet -R -J -V LIVE -o "$dir/live.iso" "$image" >> "$dir/log" 2>&1
rm -r "$image" "$dir/squashfs"
: > "$root/etc/initramfs-tools/modules"

printf '%s\n' "OLDEST=$oldest" "OLD=$old" "NEW=$new" > "$dir/env"
[ -z "${SUDO_UID:-}" ] || chown "$SUDO_UID:${SUDO_GID:-}" "$dir" "$dir/live.iso" "$dir/env"
touch "$dir/stamp"
