#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# published-stick.sh [OPTION]... IMAGE STICK [SIZE]
#
# Lay out the regular file STICK as a stick that boots the live image IMAGE: the published steps, on files,
# without root and without mounts. IMAGE is an ISO 9660 image, or a folder with the content of one (`live/`
# with a kernel, an initrd, a squashfs). SIZE is in the form of truncate(1), 4G by default; the file is
# sparse. Two runs with the same image give the same stick.
#
#   --old             the bare published layout as its update script leaves it: no names in the GPT,
#                     no grubenv, published menu, kernel partition written from LBA 0 by xorrisofs
#   --old-deployed    the same before the first update: kernel partition written by xorriso
#   --kernel-size N   size of the kernel partition in MiB; else the layout's default
#   --id HEX8         first part of the stick's ids, for two sticks in one machine
#   --append ARGS     more kernel parameters for every menu entry

set -eu

die()
{
	echo "$0: $*" >&2
	exit 1
}

old='' kernel_mib='' id=4c49564e append=''
while :; do
	case ${1-} in
	--old) old=updated ;;
	--old-deployed) old=deployed ;;
	--kernel-size) kernel_mib=$2 && shift ;;
	--id) id=$2 && shift ;;
	--append) append=" $2" && shift ;;
	--help) sed -n '4,/^$/s/^# \{0,1\}//p' "$0" && exit 0 ;;
	*) break ;;
	esac
	shift
done
[ $# = 2 ] || [ $# = 3 ] || { echo "usage: $0 [OPTION]... IMAGE STICK [SIZE]" >&2; exit 2; }
image=$1 stick=$2 size=${3:-4G}

tmp=$(mktemp -d "$stick.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

system_uuid=2024010203040100 # a volume's UUID is its date: YYYYMMDDhhmmsscc
kernel_uuid=2024010203040200
partuuid=$id-0000-4000-8000-00000000000 # and the number
export MTOOLS_SKIP_CHECK=1 SOURCE_DATE_EPOCH=1704164645

quietly() # COMMAND...: what it says is shown if it fails
{
	"$@" > "$tmp/log" 2>&1 || { cat "$tmp/log" >&2; die "failed: $*"; }
}

list() # FOLDER: the names in that folder of the image
{
	xorriso -indev "$image" -find "$1" -maxdepth 1 -mindepth 1 > "$tmp/names" 2> "$tmp/log" ||
		{ cat "$tmp/log" >&2; die "cannot list $1 of $image"; }
	sed "s|'\$||; s|.*/||" "$tmp/names"
}

mib() # BYTES: that many in MiB, rounded up
{
	echo $((($1 + 1048575) / 1048576))
}

uuid_of() # DATE: as blkid and GRUB write it
{
	echo "$1" | sed 's/\(....\)\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)/\1-\2-\3-\4-\5-\6-\7/'
}

# The image, and the name of its kernel.
if [ -d "$image" ]; then
	quietly xorriso -as mkisofs -R -J -V IMAGE -o "$tmp/image.iso" "$image"
	image=$tmp/image.iso
fi
[ -f "$image" ] || die "no such image: $image"
list /live > "$tmp/live"
list / | grep -vx live > "$tmp/top" || :
vmlinuz=$(grep '^vmlinuz' "$tmp/live" | sort -V | tail -n 1)
initrd=$(grep '^initrd' "$tmp/live" | sort -V | tail -n 1)
[ -n "$vmlinuz" ] || die "no kernel in $image"
[ -n "$initrd" ] || die "no initrd in $image"

# Partitions 1 and 2.
write_system() # FILE LABEL UUID [PATH TO LEAVE OUT]
{
	file=$1 label=$2 uuid=$3 leave_out=${4-}
	set --
	[ "$vmlinuz" = vmlinuz ] || set -- "$@" -move "live/$vmlinuz" live/vmlinuz
	[ "$initrd" = initrd.img ] || set -- "$@" -move "live/$initrd" live/initrd.img
	while read -r name; do set -- "$@" -rm_r "$name" --; done < "$tmp/top"
	[ -z "$leave_out" ] || set -- "$@" -rm_r "$leave_out" --
	quietly xorriso -indev "$image" -boot_image any discard -overwrite on -volid "$label" \
		-volume_date uuid "$uuid" "$@" -outdev "stdio:$file" -blank as_needed
}

write_system "$tmp/1" LIVENG_SYSTEM $system_uuid
squashfs=$(grep -x filesystem.squashfs "$tmp/live" | sed 's|^|live/|') || :
write_system "$tmp/2" LIVENG_SYSTEM2 $kernel_uuid "$squashfs"
if [ "$old" = updated ]; then
	quietly xorriso -osirrox on -indev "$tmp/2" -extract_l / "$tmp/set" \
		/live/vmlinuz /live/initrd.img --
	rm "$tmp/2"
	quietly xorrisofs -volid LIVENG_SYSTEM2 --modification-date=$kernel_uuid -o "$tmp/2" "$tmp/set"
fi

# Where each partition begins and how long it is, in MiB.
system_mib=$(mib "$(stat -c %s "$tmp/1")")
if [ -z "$kernel_mib" ]; then
	kernel_mib=$((($(mib "$(stat -c %s "$tmp/2")") * 3 + 63) / 64 * 64))
	[ $kernel_mib -ge 256 ] && [ -z "$old" ] || kernel_mib=256
fi
[ "$(mib "$(stat -c %s "$tmp/2")")" -le "$kernel_mib" ] || die "the kernel needs a larger partition"
esp_mib=64
[ -z "$old" ] || esp_mib=32
rm -f "$stick"
truncate -s "$size" "$stick"
rest_mib=$(($(stat -c %s "$stick") / 1048576 - 2 - system_mib - kernel_mib - esp_mib))
[ $rest_mib -ge 8 ] || die "$size is too small for $image"
start2=$((1 + system_mib))
start3=$((start2 + kernel_mib))
start4=$((start3 + esp_mib))

linux=0FC63DAF-8483-4772-8E79-3D69D8477DE4
{
	echo "label: gpt"
	echo "label-id: ${partuuid}0"
	echo "first-lba: 34"
	while read -r number start length type name; do
		echo "$number: start=$start, size=$length, type=$type," \
			"uuid=$partuuid$number${name:+, name=$name}"
	done <<-END
		1 1MiB ${system_mib}MiB $linux liveng-system
		2 ${start2}MiB ${kernel_mib}MiB $linux liveng-kernel
		3 ${start3}MiB ${esp_mib}MiB C12A7328-F81F-11D2-BA4B-00A0C93EC93B liveng-esp
		4 ${start4}MiB ${rest_mib}MiB $linux persistence
		5 34 2014 21686148-6449-6E6F-744E-656564454649 liveng-bios
	END
} > "$tmp/gpt"
# The published layout has neither names nor a fifth partition.
[ -z "$old" ] || sed -i '/^5:/d; s/, name=.*//' "$tmp/gpt"
quietly sfdisk --no-reread --no-tell-kernel "$stick" < "$tmp/gpt"

dd if="$tmp/1" of="$stick" bs=1M seek=1 conv=notrunc,sparse status=none
dd if="$tmp/2" of="$stick" bs=1M seek=$start2 conv=notrunc,sparse status=none

# Partition 3: the image's own signed loaders, or else one made from this machine's GRUB.
menuentry() # ID TITLE PARTITION SUFFIX KERNEL PARAMETERS
{
	uuid=$system_uuid
	[ "$3" = 1 ] || uuid=$kernel_uuid
	cat <<-END

		menuentry '$2' --id $1 --unrestricted {
			search --no-floppy --set=root --hint-efi=hd0,gpt$3 --fs-uuid $(uuid_of $uuid)
			linux /live/vmlinuz$4 boot=live $5 console=tty0 console=ttyS0,115200$append
			initrd /live/initrd.img$4
		}
	END
}

media=live-media=/dev/disk/by-partuuid/${partuuid}1
fromiso="fromiso=$(uuid_of $system_uuid) live-noconfig"
mkdir -p "$tmp/esp/boot/grub" "$tmp/esp/EFI/BOOT"
if [ -n "$old" ]; then
	{
		echo 'set timeout=1'
		menuentry standard 'liveng standard boot' 2 '' "$fromiso persistence"
		menuentry fallback 'liveng fallback boot' 1 '' "$fromiso persistence liveng-fallback"
	} > "$tmp/esp/boot/grub/grub.cfg"
else
	{
		cat <<-'END'
			# The firmware of a UEFI machine shows its console on the serial line already.
			if [ "$grub_platform" = pc ]; then
				serial --unit=0 --speed=115200
				terminal_input console serial
				terminal_output console serial
			fi
			set timeout=1
			set default=standard

			# Boot assessment: a new kernel set has liveng_tries boots to prove itself, then
			# comes the previous one, once, then the image's own.
			load_env
			if [ "$liveng_tries" = 3 ]; then
				set liveng_tries=2
				save_env liveng_tries
			elif [ "$liveng_tries" = 2 ]; then
				set liveng_tries=1
				save_env liveng_tries
			elif [ "$liveng_tries" = 1 ]; then
				set liveng_tries=0
				save_env liveng_tries
			elif [ "$liveng_tries" = 0 ]; then
				if [ "$liveng_previous" = 1 ]; then
					set default=previous
					set liveng_previous=0
					save_env liveng_previous
				else
					set default=fallback
				fi
			fi
		END
		menuentry standard 'liveng' 2 '' "$media persistence"
		menuentry previous 'liveng, previous kernel' 2 .old "$media persistence liveng.boot=previous"
		menuentry fallback 'liveng, factory kernel' 1 '' "$media persistence liveng-fallback"
		menuentry pristine 'liveng, factory state' 1 '' "$media liveng-fallback"
	} > "$tmp/esp/boot/grub/grub.cfg"
	grub-editenv "$tmp/esp/boot/grub/grubenv" create
fi

if grep -qix efi "$tmp/top"; then
	quietly xorriso -osirrox on -indev "$image" \
		-extract "/$(grep -ix efi "$tmp/top")" "$tmp/efi"
	find "$tmp/efi" -iname '*.efi' -exec cp {} "$tmp/esp/EFI/BOOT/" \;
else
	quietly grub-mkimage -O x86_64-efi -p /boot/grub -o "$tmp/esp/EFI/BOOT/bootx64.efi" \
		normal linux part_gpt fat iso9660 search search_fs_uuid loadenv test configfile all_video
fi

label='UEFI Boot'
[ -n "$old" ] || label=LIVENG_EFI
truncate -s ${esp_mib}M "$tmp/3"
quietly mkfs.fat ${old:+-F 16} -n "$label" -i "$id" --invariant "$tmp/3"
for name in "$tmp"/esp/*; do
	quietly mcopy -s -i "$tmp/3" "$name" ::
done
dd if="$tmp/3" of="$stick" bs=1M seek=$start3 conv=notrunc,sparse status=none

# Partition 4.
mkdir "$tmp/persistence"
echo '/ union' > "$tmp/persistence/persistence.conf"
quietly mke2fs -q -t ext4 -L persistence -U "${partuuid}4" -d "$tmp/persistence" \
	-E "offset=$((start4 * 1048576)),root_owner=0:0,hash_seed=${partuuid}4,lazy_itable_init=1" \
	"$stick" ${rest_mib}M
