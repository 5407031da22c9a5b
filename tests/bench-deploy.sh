#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# bench-deploy.sh [ROUNDS]: the time of `liveng-deploy` compared with the published steps and with `dd`.
#
# A live image becomes a new file on this disk. Each round runs all of them once; the ratios are medians of
# the rounds' ratios. The published steps are those that write (xorriso for two partitions, sgdisk, mkfs.fat
# and the loaders, mkfs.ext4), each partition into a separate file: no mounts, no waiting for udev, no extra
# copy; they check nothing. And a stock image's encrypted stick, beside one that is given the ready initrd. Prints a
# Markdown table; fails if a limit promised in the README is missed. LIVENG_DEPLOY, IMAGE, STOCK (that image) and
# BENCH (the scratch folder) may be set.

set -eu

rounds=${1:-9}
top=$(cd "$(dirname "$0")/.." && pwd)
program=${LIVENG_DEPLOY:-$top/build/liveng-deploy}
image=${IMAGE:-$top/build/vm/live.iso}
stock=${STOCK:-$top/build/vm/stock.iso}
scratch=${BENCH:-$top/build/bench-deploy}
export LIVENG_DEPLOY_DATA="$top/deploy/data" PATH="$PATH:/usr/sbin:/sbin" MTOOLS_SKIP_CHECK=1

rm -rf "$scratch"
mkdir -p "$scratch/efi"
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM HUP

xorriso -indev "$image" -find /live -name '*.squashfs' > "$scratch/names" 2> "$scratch/log"
squashfs=$(sed -n "s|^'/\(.*\)'\$|\1|p" "$scratch/names")
xorriso -osirrox on -indev "$image" -extract /EFI/boot "$scratch/efi" 2> "$scratch/log"

cat > "$scratch/liveng-deploy" <<-END
	exec '$program' --quiet --size 2G '$image' '$scratch/new.stick'
END

# partition N: that of the new stick, into the file "part".
partition() {
	sfdisk -d "$scratch/new.stick" |
		sed -n "s/.*stick$1 : start= *\([0-9]*\), size= *\([0-9]*\),.*/\1 \2/p" > "$scratch/place"
	read -r start size < "$scratch/place"
	dd if="$scratch/new.stick" of="$scratch/part" bs=1M iflag=skip_bytes,count_bytes \
		skip=$((start * 512)) count=$((size * 512)) conv=sparse status=none
}

# The initrd that it makes for a stock image, and then without that work.
encrypt="$program --quiet --yes --size 2G --encrypt --passphrase-file $scratch/phrase"
printf 'correct horse battery staple' > "$scratch/phrase"
echo "exec $encrypt --packages '$top/build' '$stock' '$scratch/new.stick'" > "$scratch/stock"
sh "$scratch/stock"
partition 1
for name in initrd.img release; do
	xorriso -osirrox on -indev "$scratch/part" -extract "/live/$name" "$scratch/$name" 2> "$scratch/log"
done
xorriso -osirrox on -indev "$stock" -extract "/live/initrd.img-$(cat "$scratch/release")" "$scratch/initrd.before" \
	2> "$scratch/log"
echo "exec $encrypt --initrd '$scratch/initrd.img' '$stock' '$scratch/new.stick'" > "$scratch/ready"

# What it does before the first byte is written: mostly reading and checking the kernel set.
cat > "$scratch/checks" <<-END
	exec '$program' --quiet --dry-run --size 2G '$image' '$scratch/none' > '$scratch/plan'
END

cat > "$scratch/published" <<-END
	set -e
	cd '$scratch'
	truncate -s 2G new.disk
	sgdisk -n 1:0:+600M -n 2:0:+256M -n 3:0:+64M -t 3:ef00 -n 4:0:0 new.disk
	for n in 1 2; do
		[ \$n = 1 ] || set -- -rm_r '$squashfs' --
		xorriso -indev '$image' -boot_image any discard -overwrite on -volid LIVENG_SYSTEM\$n \\
			"\$@" -rm_r boot EFI -- -outdev stdio:new.\$n -blank as_needed
	done
	truncate -s 64M new.3
	mkfs.fat -F 32 -n LIVENG_EFI new.3
	mmd -i new.3 ::EFI ::EFI/BOOT
	mcopy -i new.3 efi/*.efi ::EFI/BOOT
	truncate -s 1100M new.4
	mkfs.ext4 -q -F -L persistence new.4
	sync new.disk new.1 new.2 new.3 new.4
END

cat > "$scratch/dd" <<-END
	dd if='$image' of='$scratch/new.copy' bs=4M conv=fsync status=none
	cmp '$image' '$scratch/new.copy'
END

round() { # ROUND: all of them, once each
	hyperfine --runs 1 --style none --export-csv "$scratch/round.csv" \
		--prepare "rm -f '$scratch'/new.*; sync '$scratch'" \
		-n checks "sh '$scratch/checks'" \
		-n liveng-deploy "sh '$scratch/liveng-deploy'" \
		-n published "sh '$scratch/published'" \
		-n dd "sh '$scratch/dd'" \
		-n stock "sh '$scratch/stock'" \
		-n ready "sh '$scratch/ready'" > /dev/null 2> "$scratch/log" || { cat "$scratch/log" >&2; exit 1; }
	awk -F , -v n="$1" 'NR > 1 { print n, $1, $2 }' "$scratch/round.csv"
}

round 0 > /dev/null # the caches of programs and image
n=0
while [ $n -lt "$rounds" ]; do
	n=$((n + 1))
	round $n
done > "$scratch/times"

# Bytes written to the stick, and memory, in separate runs: measuring either takes time.
rm -f "$scratch"/new.*
truncate -s 2G "$scratch/new.stick"
strace -f -qq -P "$scratch/new.stick" -e trace=write,pwrite64,writev,pwritev -o "$scratch/trace" \
	"$program" --quiet --yes "$image" "$scratch/new.stick"
written=$(awk '/write/ && $NF > 0 { sum += $NF } END { print sum + 0 }' "$scratch/trace")
rm "$scratch/new.stick"
env time -f %M -o "$scratch/memory" sh "$scratch/liveng-deploy"
# The key takes half a GiB, but not of a dry run.
for name in stock ready; do
	sed 's/--yes/--dry-run/' "$scratch/$name" > "$scratch/$name.dry"
	env time -f %M -o "$scratch/memory.$name" sh "$scratch/$name.dry" > "$scratch/log"
done

# What the stick holds: all files of partitions 1 to 3.
content=0
for n in 1 2 3; do
	partition "$n"
	rm -rf "$scratch/tree"
	mkdir "$scratch/tree"
	if [ $n = 3 ]; then
		mcopy -s -i "$scratch/part" ::EFI ::boot "$scratch/tree"
	else
		xorriso -osirrox on -indev "$scratch/part" -extract / "$scratch/tree" 2> "$scratch/log"
	fi
	bytes=$(find "$scratch/tree" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum + 0 }')
	content=$((content + bytes))
	chmod -R u+w "$scratch/tree"
done

cat > "$scratch/report" <<'REPORT'
END {
	for (i = 1; i <= rounds; i++)
		time[i, "writing"] = time[i, "liveng-deploy"] - time[i, "checks"]
	x = ratio("writing", "published")
	all = ratio("liveng-deploy", "published")
	d = ratio("liveng-deploy", "dd")
	b = written / content
	printf "An image of %.0f MB to a new file, medians of %d interleaved runs:\n\n", size / 1e6, rounds
	print "| | time | verifies |"
	print "|---|---:|---|"
	printf "| `liveng-deploy` | %.2f s | from the medium |\n", column("liveng-deploy")
	printf "| of that, checks before the first byte | %.2f s | |\n", column("checks")
	printf "| the published steps | %.2f s | no |\n", column("published")
	printf "| `dd conv=fsync` and `cmp` | %.2f s | in the cache |\n", column("dd")
	printf "\nAll of it: %.2f times the published steps, writing and reading back alone %.2f times.\n", all, x
	printf "%.2f times `dd` and `cmp`.\n", d
	printf "Bytes written: %.4f times the content. Peak memory: %.1f MiB.\n", b, memory / 1024
	more = difference("stock", "ready")
	printf "\nA stock image, encrypted: %.2f s more than with a ready initrd, which is %.1f MB larger than ", more, grown / 1e6
	printf "the image\x27s own; %.1f MiB more of memory.\n", stock_memory / 1024
	limit("seconds for a stock image", more, 3)
	limit("MB of the initrd", grown / 1e6, 7)
	limit("MiB for a stock image", stock_memory / 1024, 40)
	limit("time beside the published steps", all, 0.5)
	limit("time beside dd and cmp", d, 1.5)
	limit("bytes written", b, 1.02)
	limit("peak memory in MiB", memory / 1024, 64)
	exit missed
}
REPORT
awk -v script=bench-deploy.sh -v rounds="$rounds" -v size="$(stat -c %s "$image")" \
	-v written="$written" -v content="$content" -v memory="$(tail -n 1 "$scratch/memory")" \
	-v grown=$(($(stat -c %s "$scratch/initrd.img") - $(stat -c %s "$scratch/initrd.before"))) \
	-v stock_memory=$(($(tail -n 1 "$scratch/memory.stock") - $(tail -n 1 "$scratch/memory.ready"))) \
	-f "$top/tests/data/bench.awk" -f "$scratch/report" "$scratch/times"
