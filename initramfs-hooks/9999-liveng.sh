# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh
#
# In the initrd of a liveng stick, sourced behind live-boot's own functions: persistence is looked for on
# the disk of the live medium, not on all disks. live-boot would ask for the passphrase of every LUKS
# partition that it finds, and take any partition named `persistence`. It calls storage_devices for what
# it may look at; all else stays its own. A medium that is no liveng stick's is left to its ways: by its
# own function, which is read again where ours is not to count.

# The disk of the live medium, a folder of sysfs: by the partition that is mounted, or in memory (toram)
# by the one that the boot menu named.
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

# liveng_is_stick DISK: is one of its partitions labelled as those of our sticks, of any age?
liveng_is_stick()
{
	for liveng_node in $(liveng_partitions "$1"); do
		case $(blkid -s LABEL -o value "$liveng_node" 2> /dev/null) in
		LIVENG_SYSTEM* | SK-SYSTEM*) return 0 ;;
		esac
	done
	return 1
}

# storage_devices BLACK_LIST WHITE_LIST: device nodes but those of the black list; with a white list, of
# its disks only.
storage_devices()
{
	liveng_disk=$(liveng_disk)
	if ! [ "$liveng_disk" ] || ! liveng_is_stick "$liveng_disk"; then
		(
			# shellcheck source=/dev/null
			. /usr/lib/live/boot/9990-misc-helpers.sh
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
