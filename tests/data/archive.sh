#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# archive.sh COMMAND...: run a command that fetches something from an archive. A network or a server may be away for
# a while: if it fails, it is run again, six times in all, with pauses of two minutes in all.

set -eu

[ $# -ge 1 ] || { echo "usage: $0 COMMAND..." >&2; exit 2; }
for pause in 5 10 20 35 50; do
	"$@" && exit
	echo "$0: again in $pause s: $*" >&2
	sleep $pause
done
exec "$@"
