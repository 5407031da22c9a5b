#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# build.sh DIR: build the packages, including the source package, and put them into DIR. Builds what git
# tracks, and what it would track (not ignored), in a copy below DIR, with the changelog's time: two builds give
# the same packages.

set -eu
umask 022

# Even when called by a silent make, this build is not silent: blhc reads its log.
unset MAKEFLAGS
out=${1:?usage: build.sh DIR}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$(dirname "$0")/.."

version=$(dpkg-parsechangelog -S Version)
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(dpkg-parsechangelog -S Timestamp)}"
work=$out/deb
source=liveng-${version%-*}
rm -rf "$work"
mkdir -p "$work/$source"

if [ -e .git ]; then
	git ls-files -z --cached --others --exclude-standard
else
	find . \( -path ./build -o -path ./.pc -o -name __pycache__ \) -prune -o -type f -print0
fi | xargs -0 cp -P --parents -t "$work/$source"
chmod -R u=rwX,go=rX "$work/$source"
(cd "$work" && tar -c --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
	--mtime="@$SOURCE_DATE_EPOCH" \
	--exclude "$source/debian" "$source" | xz > "liveng_${version%-*}.orig.tar.xz")

if ! (cd "$work/$source" && dpkg-buildpackage -us -uc) > "$work/log" 2>&1; then
	tail -n 50 "$work/log" >&2
	exit 1
fi
rm -f "$out"/liveng*.deb "$out"/linux-image-liveng*.deb "$out"/liveng_*
find "$work" -maxdepth 1 -type f ! -name log -exec mv -t "$out" {} +
