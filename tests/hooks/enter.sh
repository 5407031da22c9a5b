#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# enter.sh ROOT WORK CMDLINE COMMAND...: run COMMAND as process 1 of a separate machine that has ROOT as its
# system. Its changes go to the folder WORK, as a live system's go to its persistence. CMDLINE is its kernel
# command line; with `boot=live` in it a read-only medium is mounted as live-boot would, with `persistence`
# that as well. The file WORK/stick.img is /stick.img. Needs root; asks sudo for it.

set -eu

[ $# -ge 4 ] || { echo "usage: $0 ROOT WORK CMDLINE COMMAND..." >&2; exit 2; }
[ "$(id -u)" = 0 ] || exec sudo -- "$0" "$@"
[ "${LIVENG_INSIDE-}" ] || exec env LIVENG_INSIDE=1 unshare --mount --pid --fork --kill-child -- "$0" "$@"

root=$1 work=$2 cmdline=$3
shift 3
mkdir -p "$work/upper" "$work/overlay" "$work/machine"
machine=$work/machine
mount -t overlay -o "lowerdir=$root,upperdir=$work/upper,workdir=$work/overlay" overlay "$machine"
mount -t proc proc "$machine/proc"
echo "$cmdline" > "$work/cmdline"
mount --bind "$work/cmdline" "$machine/proc/cmdline"
mount -t tmpfs tmpfs "$machine/run"
mount -t tmpfs tmpfs "$machine/dev"
for node in null zero full random urandom; do
	touch "$machine/dev/$node"
	mount --bind "/dev/$node" "$machine/dev/$node"
done
ln -s /proc/self/fd "$machine/dev/fd"
case " $cmdline " in
*' boot=live '*)
	# Like ISO 9660, it cannot be made writable.
	mkdir -p "$machine/run/live/medium" "$work/medium" "$work/nothing"
	mount -t overlay -o "lowerdir=$work/medium:$work/nothing" medium "$machine/run/live/medium"
	;;
esac
case " $cmdline " in
*' persistence '*)
	mkdir -p "$machine/run/live/persistence/stick4"
	mount -t tmpfs tmpfs "$machine/run/live/persistence/stick4"
	;;
esac
# Initrds that were built before, of this suite.
initrds=${root##*:}
initrds=${initrds%/root}/initrds
mkdir -p "$initrds" "$machine/run/initrds"
mount --bind "$initrds" "$machine/run/initrds"
if [ -e "$work/stick.img" ]; then
	touch "$machine/stick.img"
	mount --bind "$work/stick.img" "$machine/stick.img"
fi
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive \
	chroot "$machine" "$@"
