#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# material.sh DIR: fill DIR with real kernels and real initrds from Debian's archive, for the tests.
#
# Packages come from this machine's own apt sources and are only unpacked, below DIR; no root is
# needed and nothing else is changed. The initrds are made by the real mkinitramfs, in a folder of
# unpacked packages that serves as its root. DIR then holds
#
#   env                     OLD=, NEW= (the two newest releases), ARM=, I386= (of arm64 and i386, or empty),
#                           CLOUD= (like NEW, for virtual machines, or empty)
#   vmlinuz-OLD, -NEW       signed kernels; vmlinuz-NEW.unsigned, vmlinuz-ARM, -I386, -CLOUD
#   config-NEW, -CLOUD      their configurations
#   initrd.img-OLD, -NEW    live-boot with our hook, cryptsetup, a short list of modules; one zstd segment
#   initrd.img-NEW.most     the same with MODULES=most: what users have
#   initrd.img-NEW.gzip     and .xz, .lz4: an uncompressed early archive, then that compression
#   initrd.img-NEW.nocrypt  without cryptsetup-initramfs
#   initrd.img-NEW.nolive   without live-boot
#   initrd.img-NEW.nousb    without the usb-storage module
#   initrd.img-NEW.stock    without our hook, cryptsetup and its modules, as of an ordinary live image
#   initrd.img-ARM.stock    and -I386.stock: the same of these kernels
#   initrd.img-CLOUD        like initrd.img-NEW
#   system.squashfs         of the system those are from: cryptsetup, its libraries, the modules of NEW
#   system.arm64.squashfs   and system.i386.squashfs
#   bootaa64.efi, grubaa64.efi  what an arm64 image boots by: shim and GRUB, signed
#   stamp                   written last

set -eu

dir=${1:?usage: material.sh DIR}
here=$(cd "$(dirname "$0")" && pwd)
fetch=$here/archive.sh
hook=$here/../../initramfs-hooks/9999-liveng.sh
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
cd "$dir"
rm -f stamp
work=$dir/work
rm -rf "$work"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
mkdir -p "$work/archives/partial" "$work/log"
: > "$work/status"

# Only packages that one sees in a rescue system: what mkinitramfs calls, and what it copies.
base="?essential initramfs-tools zstd busybox mawk kmod mount udev cryptsetup-bin kbd"
live="live-boot live-boot-initramfs-tools"
crypt="cryptsetup cryptsetup-initramfs"

short="usb-storage uas xhci-pci xhci-hcd ehci-pci sd_mod sr_mod isofs squashfs overlay loop ext4 vfat
usbhid hid_generic nls_cp437 nls_iso8859-1 nls_utf8 nls_ascii ahci virtio_pci virtio_blk dm-crypt dm-mod aes_generic
aesni_intel xts cbc ecb essiv sha256_generic sha512_generic algif_skcipher"

# As if nothing were installed here: apt then names every package that is needed.
private="-q -o Dir::State::status=$work/status -o Dir::Cache::archives=$work/archives
 -o Debug::NoLocking=1 -o APT::Sandbox::User= -o APT::Install-Recommends=0"

# The newest two releases of the suite's own series that come both signed and unsigned.
releases() {
	series=$(apt-cache depends linux-image-amd64 |
		sed -n 's/.*Depends: linux-image-\([0-9]*\)\.\([0-9]*\)\..*/\1\\.\2/p' | head -n 1)
	apt-cache search --names-only "^linux-image-$series\\.[^ ]*[0-9]-amd64-unsigned\$" |
		sed 's/^linux-image-\([^ ]*\)-unsigned .*/\1/' | sort -V | tail -n 2
}

# download PACKAGE...: with dependencies, into the folder of archives.
download() {
	# shellcheck disable=SC2086
	"$fetch" apt-get $private -y --no-remove --download-only install "$@" > "$work/log/download" 2>&1 ||
		{ cat "$work/log/download" >&2; return 1; }
}

# kernel FOLDER/PACKAGE IMAGE TARGET: take only the image out of a kernel package.
kernel() {
	dpkg-deb --fsys-tarfile "$work/$1"_*.deb 2> /dev/null |
		tar -xO --occurrence=1 "./boot/$2" > "$3.new"
	mv "$3.new" "$3"
}

# foreign ARCH FLAVOUR PACKAGE...: a kernel of another architecture, these packages, and what a live system has, to be
# unpacked later.
foreign() {
	state=$work/$1
	flavour=$2
	arch=$1
	shift 2
	packages=$*
	mkdir -p "$state/lists/partial" "$state/archives/partial"
	: > "$state/status"
	set -- -q -o "APT::Architecture=$arch" -o "APT::Architectures=$arch" -o "Dir::State=$state" \
		-o "Dir::State::status=$state/status" -o "Dir::Cache=$state" -o Acquire::Languages=none \
		-o APT::Sandbox::User= -o Debug::NoLocking=1 -o APT::Install-Recommends=0
	pattern="^linux-image-${old%%-*}-[0-9]*-$flavour\$"
	# Some mirrors have only part of it: what knows a kernel will do.
	# shellcheck disable=SC2016
	"$fetch" sh -c 'pattern=$1; shift; apt-get "$@" update
		apt-cache "$@" search --names-only "$pattern" | grep -q .' sh "$pattern" "$@" || return 1
	release=$(apt-cache "$@" search --names-only "$pattern" |
		sed 's/^linux-image-\([^ ]*\) .*/\1/' | sort -V | tail -n 1)
	# shellcheck disable=SC2086
	(cd "$state" && "$fetch" apt-get "$@" download "linux-image-$release" $packages) || return 1
	"$fetch" apt-get "$@" -y --download-only install cryptsetup-bin dash udev || return 1
	echo "$release" > "$state/release"
}

# unpack ROOT DEB...: as dpkg would, without what a base of mkinitramfs never reads.
unpack() {
	root=$1
	shift
	for deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$root" --keep-directory-symlink \
			--exclude './usr/share/doc/*' --exclude './usr/share/locale/*' \
			--exclude './usr/share/man/*' --exclude './boot/vmlinuz*' --exclude './boot/System.map*'
	done
}

# inside ROOT COMMAND...: as root of ROOT; /dev/null is all of /dev that mkinitramfs wants.
inside() {
	if [ "$(id -u)" = 0 ]; then
		[ -c "$1/dev/null" ] || mknod -m 666 "$1/dev/null" c 1 3
		env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C chroot "$@"
	else
		: >> "$1/dev/null"
		# shellcheck disable=SC2016
		env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C unshare -r -m sh -c \
			'mount --bind /dev/null "$1/dev/null" && exec chroot "$@"' sh "$@"
	fi
}

# variant NAME BASE PACKAGE...: a root of its own, the common files shared by hard links.
variant() {
	cp -al "$work/$2" "$work/$1"
	root=$work/$1
	shift 2
	for package; do
		unpack "$root" "$work"/archives/"$package"_*.deb
	done
}

# small ROOT RELEASE: leave out modules that are many and never asked for here. The indexes are for any architecture.
small() {
	(cd "$work/$1/usr/lib/modules/$2/kernel" && rm -rf drivers/net drivers/gpu drivers/media \
		drivers/infiniband drivers/iio drivers/staging drivers/isdn sound net/wireless)
	PATH=$PATH:/usr/sbin:/sbin depmod -b "$work/$1" "$2"
}

# initrd ROOT RELEASE MODULES TARGET: MODULES is `most` or a list of modules.
initrd() {
	conf=$work/$1/etc/initramfs-tools
	rm -rf "$conf.$4"
	cp -r "$conf" "$conf.$4"
	if [ "$3" = most ]; then
		echo MODULES=most
	else
		printf '%s\n' MODULES=list COMPRESSLEVEL=1
		echo "$3" | tr ' ' '\n' > "$conf.$4/modules"
	fi > "$conf.$4/conf.d/test"
	inside "$work/$1" mkinitramfs -d "/etc/initramfs-tools.$4" -o "/tmp/$4" "$2" \
		> "$work/log/$4" 2>&1 || { cat "$work/log/$4" >&2; return 1; }
	mv "$work/$1/tmp/$4" "$4.new"
	mv "$4.new" "$4"
}

# system ROOT RELEASE TARGET: what an initrd may want of a system.
system() {
	modules=usr/lib/modules/$2
	(cd "$work/$1" && for path in bin lib lib64 sbin usr/bin/dash usr/bin/sh usr/sbin/cryptsetup usr/sbin/dmsetup \
		usr/bin/loadkeys usr/lib/cryptsetup/askpass usr/lib/*-linux-gnu* usr/lib64 usr/lib/ld-linux* \
		usr/lib/udev/rules.d "$modules"/kernel/crypto "$modules"/kernel/arch "$modules"/kernel/drivers/md \
		"$modules"/kernel/drivers/crypto "$modules"/modules.*; do
		[ ! -e "$path" ] || find "$path"
	done | cpio --quiet -pdl "$work/$3") 2> "$work/log/$3"
	mksquashfs "$work/$3" "$dir/$3" -comp zstd -Xcompression-level 1 -noappend -all-root \
		-quiet -no-progress >> "$work/log/$3" 2>&1 || { cat "$work/log/$3" >&2; return 1; }
}

# merged ROOT: /usr merged, as on every Debian 12.
merged() {
	mkdir -p "$work/$1/usr" "$work/$1/tmp"
	for name in bin sbin lib lib64; do
		mkdir "$work/$1/usr/$name"
		ln -s "usr/$name" "$work/$1/$name"
	done
}

# foreign_stock ARCH RELEASE: kernel, initrd and system as of a stock image. No program of the initrd is of ARCH.
foreign_stock() {
	kernel "$1/linux-image-$2" "vmlinuz-$2" "vmlinuz-$2"
	merged "$1.system"
	unpack "$work/$1.system" "$work/$1"/archives/*.deb "$work/$1"/*.deb
	small "$1.system" "$2"
	variant "$1.stock" stock
	cp -al "$work/$1.system/usr/lib/modules/$2" "$work/$1.stock/usr/lib/modules/"
	cp -l "$work/$1.system/boot/config-$2" "$work/$1.stock/boot/"
	initrd "$1.stock" "$2" "${short%%dm-crypt*}" "initrd.img-$2.stock"
	system "$1.system" "$2" "system.$1.squashfs"
}

# An uncompressed archive, as CPU microcode comes in front of the initrd.
early() {
	mkdir -p "$work/early/kernel/x86/microcode"
	yes 'no microcode' | head -c 20480 > "$work/early/kernel/x86/microcode/GenuineIntel.bin"
	(cd "$work/early" && find . | LC_ALL=C sort | cpio --quiet --reproducible -o -H newc)
}

# shellcheck disable=SC2046
set -- $(releases)
[ $# = 2 ] || { echo "material.sh: apt knows no two amd64 kernels: apt-get update" >&2; exit 1; }
old=$1
new=$2

# shellcheck disable=SC2086
download $base $live $crypt "linux-image-$old" "linux-image-$new"
(cd "$work/archives" && "$fetch" apt-get -q -o APT::Sandbox::User= download "linux-image-$new-unsigned") \
	> "$work/log/unsigned" 2>&1

foreign arm64 arm64 shim-signed grub-efi-arm64-signed > "$work/log/arm64" 2>&1 &
arm64=$!
foreign i386 686-pae > "$work/log/i386" 2>&1 &
i386=$!

# The common root. Kernels, live-boot and cryptsetup come later.
merged base
mkdir "$work/base/proc"
echo 'flags : aes' > "$work/base/proc/cpuinfo" # the same initrd on every machine
for deb in "$work"/archives/*.deb; do
	case ${deb##*/} in
	linux-image-* | live-boot* | cryptsetup_* | cryptsetup-initramfs_*) ;;
	*) unpack "$work/base" "$deb" ;;
	esac
done
for release in "$old" "$new"; do
	kernel "archives/linux-image-$release" "vmlinuz-$release" "vmlinuz-$release"
	unpack "$work/base" "$work/archives/linux-image-${release}"_*.deb
done
PATH=$PATH:/usr/sbin:/sbin depmod -b "$work/base" "$new"
kernel "archives/linux-image-$new-unsigned" "vmlinuz-$new" "vmlinuz-$new.unsigned"

# Not every mirror has one.
cloud=${new%-amd64}-cloud-amd64
if (cd "$work/archives" && apt-cache show "linux-image-$cloud" &&
	"$fetch" apt-get -q -o APT::Sandbox::User= download "linux-image-$cloud") > "$work/log/cloud" 2>&1; then
	kernel "archives/linux-image-$cloud" "vmlinuz-$cloud" "vmlinuz-$cloud"
else
	cloud=
fi

# shellcheck disable=SC2086
{
	variant most base $live $crypt
	small base "$old"
	small base "$new"
	variant full base $live $crypt
	variant stock base $live
	variant nocrypt base $live
	variant nolive base $crypt
	[ ! "$cloud" ] || variant cloud base $live $crypt "linux-image-$cloud"
}
cp "$work/base/boot/config-$new" .
# All but the stock one as in images made for liveng.
for root in most full nocrypt; do
	cp "$hook" "$work/$root/usr/lib/live/boot/"
done

# Three lanes: mkinitramfs itself uses one processor at a time, and waits now and then.
initrd most "$new" most "initrd.img-$new.most" &
lane1=$!
{
	initrd full "$new" "${short#usb-storage uas}" "initrd.img-$new.nousb"
	initrd nocrypt "$new" "$short" "initrd.img-$new.nocrypt"
	initrd nolive "$new" "$short" "initrd.img-$new.nolive"
	initrd stock "$new" "${short%%dm-crypt*}" "initrd.img-$new.stock"
	if [ "$cloud" ]; then
		cp "$work/cloud/boot/config-$cloud" .
		small cloud "$cloud"
		initrd cloud "$cloud" "$short" "initrd.img-$cloud"
	fi
} &
lane2=$!
system full "$new" system.squashfs
initrd full "$old" "$short" "initrd.img-$old"
initrd full "$new" "$short" "initrd.img-$new"
for compress in gzip "xz -1 --check=crc32" "lz4 -l"; do
	target=initrd.img-$new.${compress%% *}
	# shellcheck disable=SC2086
	{ early && zstd -dc "initrd.img-$new" | $compress -c; } > "$target.new"
	mv "$target.new" "$target"
done
wait $lane1
wait $lane2

# ready ARCH PROCESS: its release, once the process has downloaded it and all is made; or nothing.
ready() {
	if wait "$2"; then
		release=$(cat "$work/$1/release")
		foreign_stock "$1" "$release"
	else
		release=
		echo "material.sh: no kernel for $1, its tests will be skipped:" >&2
		tail -n 3 "$work/log/$1" >&2
	fi
}

ready arm64 $arm64
arm=$release
if [ "$arm" ]; then
	cp "$work/arm64.system/usr/lib/shim/shimaa64.efi.signed" bootaa64.efi
	cp "$work/arm64.system/usr/lib/grub/arm64-efi-signed/gcdaa64.efi.signed" grubaa64.efi
fi
ready i386 $i386
printf '%s\n' "OLD=$old" "NEW=$new" "ARM=$arm" "I386=$release" "CLOUD=$cloud" > ./env
touch stamp
