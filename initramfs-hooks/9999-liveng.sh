# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh
#
# In the initrd of a liveng stick, sourced after live-boot's own functions: look for persistence only on the
# disk of the live medium, not on all disks. live-boot would ask for the passphrase of every LUKS partition
# it finds, and use any partition named `persistence`. It calls storage_devices to get the devices to look
# at. With a medium that is not a liveng stick, live-boot's own function is sourced again and used instead of
# ours. Nothing else is changed, but that Netbase does not complain.

# The disk of the live medium, as a folder in sysfs: found by the mounted partition, or if the medium was
# copied to memory (toram), by the partition named on the kernel command line.
liveng_disk()
{
	for liveng_medium in "$(what_is_mounted_on /run/live/medium)" "${LIVE_MEDIA-}"; do
		[ -b "$liveng_medium" ] || continue
		liveng_medium=$(readlink -f "$liveng_medium")
		liveng_medium=$(readlink -f "/sys/class/block/${liveng_medium##*/}")
		if [ -e "$liveng_medium/partition" ]; then
			echo "${liveng_medium%/*}"
			return
		fi
	done
}

# liveng_partitions DISK: their device nodes.
liveng_partitions()
{
	for liveng_partition in "$1"/*/partition; do
		[ ! -e "$liveng_partition" ] || sys2dev "${liveng_partition%/partition}"
	done
}

# liveng_is_stick DISK: does one of its partitions have a label of our sticks, old or new?
liveng_is_stick()
{
	for liveng_node in $(liveng_partitions "$1"); do
		case $(blkid -s LABEL -o value "$liveng_node" 2> /dev/null) in
		LIVENG_SYSTEM* | SK-SYSTEM*) return 0 ;;
		esac
	done
	return 1
}

# storage_devices BLACK_LIST WHITE_LIST: print device nodes except those on the black list; with a white
# list, only those of its disks.
storage_devices()
{
	liveng_disk=$(liveng_disk)
	if ! [ "$liveng_disk" ] || ! liveng_is_stick "$liveng_disk"; then
		(
			# shellcheck source=/dev/null
			. /lib/live/boot/9990-misc-helpers.sh
			storage_devices "$@"
		)
		return
	fi
	liveng_node=$(sys2dev "$liveng_disk")
	[ -z "${2-}" ] || is_in_space_sep_list "$liveng_node" "$2" || return 0
	for liveng_node in $liveng_node $(liveng_partitions "$liveng_disk"); do
		is_in_space_sep_list "$liveng_node" "${1-}" || echo "$liveng_node"
	done
}

# Netbase: the system's /etc/network/interfaces. Without ifupdown there is no such folder, and live-boot could only
# say so at each boot, for each interface. A name server or what the network gave is for another file.
Netbase()
{
	if ! [ -d /root/etc/network ] && ! [ -e /netboot.config ] && ! [ "${STATICIP-}${NONETWORKING-}" ]; then
		udevadm trigger
		udevadm settle
		return
	fi
	(
		# shellcheck source=/dev/null
		. /lib/live/boot/9990-netbase.sh
		Netbase
	)
}
