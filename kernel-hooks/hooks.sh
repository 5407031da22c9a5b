# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh
#
# Shared by the hooks of dpkg and initramfs-tools, which source it. A hook records the release that the
# stick is to get. Within dpkg this activates the package's own trigger, whose postinst does the work at the
# end: one initrd and one write, however many hooks have run. Outside dpkg the work is done at once.

liveng_pending=/var/lib/liveng/pending # "RELEASE", or "RELEASE built" if its initrd is fresh
liveng_protection=/etc/apt/apt.conf.d/03liveng-kernels

LIVENG_DISK=
# shellcheck source=/dev/null
[ ! -r /etc/default/liveng ] || . /etc/default/liveng

liveng_say()
{
	echo "liveng: $*" >&2
}

liveng_kupd()
{
	/usr/sbin/livengkupd ${LIVENG_DISK:+--disk "$LIVENG_DISK"} "$@"
}

# Does this system keep a stick up to date: the one it runs from, or one set in /etc/default/liveng? Not in
# a chroot: live-build's sees the /proc of the machine.
liveng_has_stick()
{
	[ -x /usr/sbin/livengkupd ] || return 1
	[ "$LIVENG_DISK" ] || { [ ! -e /.live-build ] && ! ischroot &&
		grep -qsE '(^| )boot=live( |$)' /proc/cmdline; } || return 1
	liveng_status=$(liveng_kupd --json status 2> /dev/null) || [ $? != 3 ]
}

# liveng_set current|previous: the release of that set; nothing if there is none. After
# liveng_has_stick.
liveng_set()
{
	printf '%s\n' "$liveng_status" |
		sed -n "/\"$1\":{/,/}/s/.*\"release\":\"\([^\"]*\)\".*/\1/p"
}

liveng_newest()
{
	linux-version list | linux-version sort | tail -n 1
}

# The release that the stick should have while none is pending: the one it has; if that is unknown, the
# newest, and livengkupd will report what is wrong.
liveng_wanted()
{
	liveng_release=$(liveng_set current)
	[ "$liveng_release" ] || liveng_say "cannot find out what the stick boots: it will get the newest kernel"
	echo "${liveng_release:-$(liveng_newest)}"
}

# The pending release; nothing if there is none.
liveng_noted()
{
	cut -d ' ' -f 1 "$liveng_pending" 2> /dev/null || :
}

# Will what apt installs survive a reboot? Not if live-boot keeps the changes to / in memory.
liveng_persists()
{
	[ "$LIVENG_DISK" ] || {
		grep -q ' /run/live/persistence/' /proc/mounts &&
			! grep -q '^[^ ]* / overlay [^ ]*upperdir=/run/live/overlay/' /proc/mounts
	} || {
		liveng_say "nothing from this boot persists: the stick keeps its current kernel"
		return 1
	}
}

# Has this package kept the stick up to date so far? Not if it is just being installed, or reinstalled.
liveng_is_at_home()
{
	[ -e "$liveng_protection" ]
}

# liveng_note RELEASE [built]: record that it is to be written. Do not call this where the shell ignores
# errors, after `if` or before `||`: a full disk must not go unnoticed. The whole file system is synced:
# otherwise a power cut leaves depmod's output empty, and dpkg would not run depmod again.
liveng_note()
{
	mkdir -p "${liveng_pending%/*}"
	echo "$*" > "$liveng_pending.new"
	sync -f "$liveng_pending.new"
	mv "$liveng_pending.new" "$liveng_pending"
}

liveng_is_installed()
{
	linux-version list | grep -qxF "$1"
}

# liveng_write RELEASE [built]: record it, and have it done. If there are several in one run, the newest
# counts, in whatever order dpkg configures them.
liveng_write()
{
	liveng_persists || return 0
	liveng_before=$(liveng_noted)
	if ! [ "$liveng_before" ] || ! liveng_is_installed "$liveng_before" ||
		linux-version compare "$1" ge "$liveng_before"; then
		liveng_note "$@"
	fi
	if [ "${DPKG_RUNNING_VERSION-}" ]; then
		dpkg-trigger --no-await liveng
	else
		liveng_work
	fi
}

# Do what was recorded. live-tools diverts update-initramfs; the original is next to it.
liveng_work()
{
	[ -e "$liveng_pending" ] || return 0
	read -r release built < "$liveng_pending" || :
	liveng_is_installed "$release" || release=$(liveng_newest) built=
	if ! [ "$release" ]; then
		liveng_say "no kernel is installed: the stick keeps its current one"
		rm -f "$liveng_pending"
		return 0
	fi
	# For a kernel that was installed before this package, followed by a power cut.
	[ -s "/lib/modules/$release/modules.dep.bin" ] || depmod "$release" || return
	if ! [ "$built" ] || ! [ -e "/boot/initrd.img-$release" ]; then
		LIVENG_WORKS=1 "$(dpkg-divert --truename /usr/sbin/update-initramfs)" \
			-c -k "$release" -b /boot || return
	fi
	liveng_kupd update "$release" || return
	rm -f "$liveng_pending"
	liveng_has_stick
	liveng_protect
}

# Write the newest kernel here if the stick has an older one, as when it was made anew of an older image and
# kept its persistence.
liveng_catch_up()
{
	liveng_has_stick || return 0
	liveng_newest=$(liveng_newest)
	liveng_current=$(liveng_set current)
	if [ "$liveng_newest" ] && [ "$liveng_current" ] &&
		linux-version compare "$liveng_newest" gt "$liveng_current"; then
		liveng_write "$liveng_newest"
	fi
}

# Keep apt's autoremove from removing the modules that one of the sets needs. If the stick cannot be read
# now, the protection stays as it is.
liveng_protect()
{
	[ "$(liveng_set current)" ] || return 0
	{
		echo '// Kernels of the stick: current, previous, factory. Written by the hooks of liveng.'
		echo 'APT::NeverAutoRemove {'
		{
			liveng_set current
			liveng_set previous
			ls /run/live/rootfs/*/usr/lib/modules 2> /dev/null
		} | sort -u | sed -n '/^[0-9]/{s/[.+]/\\&/g
			s/.*/	"^linux-(image|modules)-&(-unsigned)?$";/p}'
		echo '};'
	} > "$liveng_protection.new"
	sync "$liveng_protection.new"
	mv "$liveng_protection.new" "$liveng_protection"
}
