#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# live-image.sh [--suite SUITE] [--init INIT] [--stock PACKAGES] [--newest yes] OUT.iso [PACKAGE.deb]...: build the live image
# that the tests in virtual machines boot: that of debian/examples/live-build, small, with the oldest kernel that the
# archive has, so that there is a newer one to upgrade to. The packages come from a repository, as a distribution's
# would.
#
# --newest: with the newest kernel. --init sysvinit: with that instead of systemd.
#
# --stock: instead an image like Debian's own, with live-config and these packages, of people who have not heard
# of liveng: its initrd cannot open an encrypted persistence.
#
# Nothing is built if OUT.iso stands and was made of the same: OUT.iso.inputs has their digest. Takes
# the mirrors of this machine's own apt. Needs root; asks sudo for it.
#
# DEMO_MODULES=most: the initrd of a stock image, all that Debian puts into one.

set -eu

suite=bookworm
stock=
newest_wanted=
init=systemd
while :; do
	case ${1-} in
	--suite) suite=$2 ;;
	--stock) stock=$2 ;;
	--newest) newest_wanted=$2 ;;
	--init) init=$2 ;;
	*) break ;;
	esac
	shift 2
done
[ $# -ge 1 ] || { echo "usage: $0 [--suite SUITE] [--init INIT] [--stock PACKAGES] [--newest yes] OUT.iso [PACKAGE.deb]..." >&2; exit 2; }

example=$(cd "$(dirname "$0")/../.." && pwd)/debian/examples/live-build
mkdir -p "$(dirname "$1")"
out=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
inputs=$({ echo "$suite $init $stock $newest_wanted ${DEMO_MODULES-}" && cat "$0" && shift && cat /dev/null "$@" &&
	find "$example" -type f -print0 | sort -z | xargs -0 cat; } | sha256sum)
if [ -e "$out" ] && [ "$inputs" = "$(cat "$out.inputs" 2> /dev/null)" ]; then
	exit
fi
[ "$(id -u)" = 0 ] || exec sudo --preserve-env=DEMO_MODULES -- "$0" --suite "$suite" --init "$init" --stock "$stock" \
	--newest "$newest_wanted" "$@"
# What live-build mounts goes with it, even if it is killed.
[ "${LIVENG_INSIDE-}" ] || exec env LIVENG_INSIDE=1 unshare --mount -- "$0" --suite "$suite" --init "$init" --stock "$stock" \
	--newest "$newest_wanted" "$@"
unset LIVENG_INSIDE

# One build at a time: they share what they have fetched.
start=$PWD
fetch=$(cd "$(dirname "$0")/../data" && pwd)/archive.sh
work=$(dirname "$out")/live-build.$suite
mkdir -p "$work"
exec 9> "$work/lock"
flock 9

# The place that apt fetches a suite from, as sources.list has it.
mirror()
{
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(SITE)' 'Created-By: Packages' "Codename: $1" | head -n 1
}

# shellcheck source=/dev/null
host=$(. /etc/os-release && echo "$VERSION_CODENAME")
main=$(mirror "$host")
security=$(mirror "$host-security")
[ -n "$main" ] || { echo "$0: apt has no mirror of $host" >&2; exit 1; }
[ -n "$security" ] || { echo "$0: apt has no mirror of $host-security" >&2; exit 1; }

# What that suite's archive has, without involving this machine's apt.
mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial"
cat > "$work/apt/sources.list" <<-END
	deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $main $suite main
	deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $security $suite-security main
END
archive()
{
	"$@" -q=2 -o Dir::Etc::sourcelist="$work/apt/sources.list" -o Dir::Etc::sourceparts=- \
		-o Dir::State="$work/apt" -o Dir::State::status=/dev/null -o Dir::Cache="$work/apt/cache" \
		-o APT::Architecture=amd64 -o Acquire::Languages=none
}
archive "$fetch" apt-get -o APT::Update::Error-Mode=any update
newest=$(archive apt-cache show linux-image-amd64 |
	sed -n 's/^Depends: linux-image-\([0-9][^ ]*\)-amd64.*/\1/p' | sort -V | tail -n 1)
old=$(archive apt-cache pkgnames linux-image- | sed -n 's/^linux-image-\([0-9][^ ]*[0-9]\)-amd64$/\1/p' |
	grep -F "$(echo "$newest" | cut -d . -f 1,2)." | sort -V | head -n 1)
[ "$old" != "$newest" ] || { echo "$0: $suite has no two kernels" >&2; exit 1; }
[ ! "$newest_wanted" ] || old=$newest
version=$(archive apt-cache show "linux-image-$old-amd64" | sed -n 's/^Version: //p' | head -n 1)

# Only what an earlier build fetched is worth keeping.
cd "$work"
find . -mindepth 1 -maxdepth 1 ! -name cache ! -name lock -exec rm -rf --one-file-system {} +
rm -rf cache/bootstrap

# The example, and what only the tests need: the mirrors of this machine, nothing that takes long.
cp -R "$example/." .
shift
lb config \
	--distribution "$suite" \
	--mirror-bootstrap "$main" --parent-mirror-bootstrap "$main" \
	--mirror-chroot "$main" --parent-mirror-chroot "$main" \
	--mirror-binary "$main" --parent-mirror-binary "$main" \
	--mirror-chroot-security "$security" --parent-mirror-chroot-security "$security" \
	--mirror-binary-security "$security" --parent-mirror-binary-security "$security" \
	--debootstrap-options --variant=minbase --apt-indices true --linux-packages linux-image \
	--chroot-squashfs-compression-type lz4 \
	--firmware-chroot false --firmware-binary false --memtest none --debian-installer none \
	--checksums none --zsync false --win32-loader false > lb-config.log 2>&1
case $init in
systemd) packages=systemd-sysv ;;
sysvinit) packages="sysvinit-core orphan-sysvinit-scripts" ;;
esac
echo "live-boot $packages login zstd iproute2 procps ca-certificates" > config/package-lists/live.list.chroot
if [ "$stock" ]; then
	rm config/package-lists/liveng.list.chroot
	echo "live-tools live-config live-config-systemd sudo user-setup console-setup locales $stock" \
		>> config/package-lists/live.list.chroot
fi

# A repository: the packages under test, and the kernel's meta package as it was when that kernel was the
# newest, since an archive keeps only the newest one.
mkdir -p meta/DEBIAN repository
cat > meta/DEBIAN/control <<-END
	Package: linux-image-amd64
	Version: $version
	Architecture: amd64
	Section: kernel
	Maintainer: The liveng developers <liveng@localhost>
	Depends: linux-image-$old-amd64 (= $version)
	Description: Linux for 64-bit PCs (meta-package)
END
dpkg-deb --root-owner-group --build meta repository > meta.log
[ $# = 0 ] || (cd "$start" && cp -- "$@" "$work/repository/")
(cd repository && dpkg-scanpackages . > Packages 2> ../scan.log)
python3 -u -m http.server --bind 127.0.0.1 --directory repository 0 > http.log 2>&1 9>&- &
server=$!
trap 'kill $server' EXIT
trap 'exit 1' HUP INT TERM
until grep -qs '^Serving ' http.log; do
	kill -0 $server
	sleep 0.1
done
port=$(sed -n 's/^Serving .* port \([0-9]*\) .*/\1/p' http.log)
echo "deb [trusted=yes] http://127.0.0.1:$port ./" > config/archives/liveng.list.chroot
cat > config/archives/kernel.pref.chroot <<-END
	Package: linux-image-amd64
	Pin: version $version
	Pin-Priority: 1001
END

# put FILE: what stands on stdin becomes that file of the image.
put()
{
	mkdir -p "config/includes.chroot_before_packages$(dirname "$1")"
	cat > "config/includes.chroot_before_packages$1"
}

# Debian's own images have no name, which live-config gives them.
if [ ! "$stock" ]; then
	put /etc/hostname <<-END
		liveng
	END
fi
put /etc/apt/apt.conf.d/90vm <<-END
	Acquire::Languages "none";
END
put /etc/dpkg/dpkg.cfg.d/vm <<-END
	path-exclude=/usr/share/doc/*
	path-exclude=/usr/share/man/*
	path-exclude=/usr/share/locale/*
END

# A kernel is unpacked and its initrd built inside an emulated machine, where each module costs: those that
# a stick needs, and hardly others.
if [ "${DEMO_MODULES-}" != most ]; then
	for modules in sound net/wireless fs/ocfs2 fs/xfs fs/btrfs drivers/net/ethernet drivers/net/wireless \
		drivers/gpu drivers/media drivers/infiniband drivers/iio drivers/staging drivers/hwmon; do
		echo "path-exclude=/lib/modules/*/kernel/$modules/*"
		echo "path-exclude=/usr/lib/modules/*/kernel/$modules/*"
	done | put /etc/dpkg/dpkg.cfg.d/vm-modules
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
	[ "$stock" ] || echo dm-crypt >> config/includes.chroot_before_packages/etc/initramfs-tools/modules
	# live-boot's initramfs hook reads this file, so this takes away all of the kernel's network
	# drivers.
	put /etc/live/boot.conf <<-END
		auto_add_modules() { :; }
	END
fi

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
	if [ -e /etc/inittab ]; then
		echo 'T0:23:respawn:/sbin/agetty --autologin root --noclear --keep-baud 115200 ttyS0 dumb' \
			>> /etc/inittab
		exit
	fi
	systemctl enable systemd-networkd.service
	systemctl mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer \
		dpkg-db-backup.timer systemd-networkd-wait-online.service getty@tty1.service
END
mkdir -p config/includes.chroot_after_packages/etc
echo 'nameserver 10.0.2.3' > config/includes.chroot_after_packages/etc/resolv.conf

if ! "$fetch" sh -c '
	if [ -e tried ]; then
		lb clean noauto && mkdir -p .build && touch .build/config
	fi
	touch tried && lb build' > log 2>&1; then
	tail -n 50 log >&2
	echo "$0: live-build failed, see $work/log" >&2
	exit 1
fi

mv ./*.iso "$out.new"
touch "$out.new" # live-build dates it back to its start
echo "$inputs" > "$out.inputs"
[ -z "${SUDO_UID:-}" ] || chown "$SUDO_UID:${SUDO_GID:-}" "$out.new" "$out.inputs"
mv "$out.new" "$out"
find . -mindepth 1 -maxdepth 1 ! -name cache ! -name lock ! -name log -exec rm -rf --one-file-system {} +
