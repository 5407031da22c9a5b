# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh
#
# In the initrd that liveng-deploy made of a stock image's, sourced by live-boot. What the first boot does goes
# into /run, which the system takes over: nothing is written into the system, and it is gone as soon as the
# stick boots an initrd built by its own packages.

if [ -d /lib/liveng/first ]; then
	mkdir -p /run/liveng/first /run/systemd/system/multi-user.target.wants
	cp /lib/liveng/first/* /run/liveng/first/
	mv /run/liveng/first/liveng-first.service /run/systemd/system/
	ln -sf ../liveng-first.service /run/systemd/system/multi-user.target.wants/
	# The programs of another computer, for the initrds that will be built here.
	[ ! -e /lib/liveng/crypt/brought ] || cp -R /lib/liveng/crypt /run/liveng/first/
fi
