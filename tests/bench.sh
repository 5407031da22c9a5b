#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# bench.sh [ROUNDS]: the time of `livengkupd update` compared with two ways that keep no old set.
#
# A real kernel set (a Debian kernel, its initrd with MODULES=most) goes into a file on this disk. Each
# round runs all of them once, on a fresh target out of the page cache; the ratios are medians of the
# rounds' ratios. The limits apply to what the others do as well: writing. Prints a Markdown table; fails if
# a limit promised in the README is missed. LIVENGKUPD, MATERIAL and BENCH (the scratch folder) may be set.

set -eu

rounds=${1:-15}
top=$(cd "$(dirname "$0")/.." && pwd)
program=${LIVENGKUPD:-$top/build/livengkupd}
material=${MATERIAL:-$top/build/material}
scratch=${BENCH:-$top/build/bench}

OLD='' NEW=''
# shellcheck source=/dev/null
. "$material/env"
kernel=$material/vmlinuz-$NEW
initrd=$material/initrd.img-$NEW.most
bytes=$(($(stat -c %s "$kernel") + $(stat -c %s "$initrd")))

rm -rf "$scratch"
mkdir -p "$scratch/image/live" "$scratch/tree/live"
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM HUP

# A stick that was updated before, with a set as large as the new one, and the tree that the published
# script passes to xorrisofs.
cp "$material/vmlinuz-$OLD" "$scratch/image/live/vmlinuz"
cp "$material/initrd.img-$OLD" "$scratch/image/live/initrd.img"
head -c 4096 /dev/zero > "$scratch/image/live/filesystem.squashfs"
"$top/tests/data/published-stick.sh" "$scratch/image" "$scratch/stick" 400M
"$program" update -q --disk "$scratch/stick" --kernel "$kernel.unsigned" --initrd "$initrd"
"$program" bless -q --disk "$scratch/stick"
cp "$kernel" "$scratch/tree/live/vmlinuz"
cp "$initrd" "$scratch/tree/live/initrd.img"
truncate -s 256M "$scratch/partition"

# fresh NAME: a copy of that file, on the disk and not cached. Without holes: otherwise this would measure
# how the underlying file system allocates them.
cat > "$scratch/fresh" <<-'END'
	#!/bin/sh
	cp --sparse=never "$1" "$1.target"
	sync "$1.target"
	dd of="$1.target" oflag=nocache conv=notrunc,fdatasync count=0 status=none
END

cat > "$scratch/livengkupd" <<-END
	exec '$program' update -q --disk '$scratch/stick.target' --kernel '$kernel' --initrd '$initrd'
END

# All of it but writing and reading back.
cat > "$scratch/checks" <<-END
	exec '$program' update -n -q --disk '$scratch/stick.target' --kernel '$kernel' --initrd '$initrd'
END

cat > "$scratch/xorrisofs" <<-END
	xorrisofs -quiet -volid LIVENG_SYSTEM2 --modification-date=2024010203040200 \\
		-o '$scratch/partition.target' '$scratch/tree'
	sync '$scratch/partition.target'
END

cat > "$scratch/dd" <<-END
	cat '$kernel' '$initrd' |
		dd of='$scratch/partition.target' bs=4M iflag=fullblock conv=fsync,notrunc status=none
	cat '$kernel' '$initrd' | cmp -n $bytes - '$scratch/partition.target'
END

# The minimum time of a check of the initrd to its last byte.
cat > "$scratch/unpack" <<-END
	zstd -dc '$initrd' > /dev/null
END

round() { # ROUND: all of them, once each
	hyperfine --runs 1 --style none --export-csv "$scratch/round.csv" \
		--prepare true \
		--prepare "sh '$scratch/fresh' '$scratch/stick'" \
		--prepare "sh '$scratch/fresh' '$scratch/stick'" \
		--prepare "sh '$scratch/fresh' '$scratch/partition'" \
		--prepare "sh '$scratch/fresh' '$scratch/partition'" \
		-n unpack "sh '$scratch/unpack'" \
		-n checks "sh '$scratch/checks'" \
		-n livengkupd "sh '$scratch/livengkupd'" \
		-n xorrisofs "sh '$scratch/xorrisofs'" \
		-n dd "sh '$scratch/dd'" > /dev/null 2> "$scratch/log" || { cat "$scratch/log" >&2; exit 1; }
	awk -F , -v n="$1" 'NR > 1 { print n, $1, $2 }' "$scratch/round.csv"
}

round 0 > /dev/null # the caches of programs and sources
n=0
while [ $n -lt "$rounds" ]; do
	n=$((n + 1))
	round $n
done > "$scratch/times"

# Bytes written to the stick, and memory, in separate runs: measuring either takes time.
sh "$scratch/fresh" "$scratch/stick"
strace -f -qq -P "$scratch/stick.target" -e trace=write,pwrite64,writev,pwritev \
	-o "$scratch/trace" sh "$scratch/livengkupd"
written=$(awk '/write/ && $NF > 0 { sum += $NF } END { print sum + 0 }' "$scratch/trace")
sh "$scratch/fresh" "$scratch/stick"
env time -f %M -o "$scratch/memory" sh "$scratch/livengkupd"
"$program" verify -q --disk "$scratch/stick.target"

cat > "$scratch/report" <<'REPORT'
function row(what, name, rest) {
	printf "| %s | %.2f s | %s |\n", what, column(name), rest
}
END {
	for (i = 1; i <= rounds; i++)
		time[i, "writing"] = time[i, "livengkupd"] - time[i, "checks"]
	x = ratio("writing", "xorrisofs")
	d = ratio("writing", "dd")
	b = written / bytes
	printf "A set of %.1f MB, medians of %d interleaved runs:\n\n", bytes / 1e6, rounds
	print "| | time | keeps the old set | verifies |"
	print "|---|---:|---|---|"
	row("`livengkupd update`", "livengkupd", "yes | from the medium")
	row("of that, checks of both sets", "checks", "|")
	row("of that, writing and reading back", "writing", "|")
	row("`zstd -dc` of the initrd, to nowhere", "unpack", "|")
	row("`xorrisofs` and `sync`", "xorrisofs", "no | no")
	row("`dd conv=fsync` and `cmp`", "dd", "no | in the cache")
	printf "\nWriting and reading back: %.2f times `xorrisofs`, %.2f times `dd`. With the checks:\n", x, d
	printf "%.2f and %.2f times; unpacking the initrd alone, %.2f and %.2f times.\n", \
		ratio("livengkupd", "xorrisofs"), ratio("livengkupd", "dd"), \
		ratio("unpack", "xorrisofs"), ratio("unpack", "dd")
	printf "\nBytes written: %.4f times the set. Peak memory: %.1f MiB.\n", b, memory / 1024
	limit("time beside xorrisofs", x, 1)
	limit("time beside dd and cmp", d, 1.3)
	limit("bytes written", b, 1.01)
	limit("peak memory in MiB", memory / 1024, 32)
	exit missed
}
REPORT
awk -v script=bench.sh -v rounds="$rounds" -v bytes="$bytes" -v written="$written" \
	-v memory="$(tail -n 1 "$scratch/memory")" \
	-f "$top/tests/data/bench.awk" -f "$scratch/report" "$scratch/times"
