# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh
#
# What the hooks of dpkg and initramfs-tools share; they source it. A hook notes the release that the
# stick has to get. Within dpkg that activates the package's own trigger, whose postinst does the work
# at the end: one initrd and one write, however many hooks have fired. Outside it is done at once.

liveng_pending=/var/lib/liveng/pending # "RELEASE", or "RELEASE built": its initrd is fresh
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

# Does this system keep a stick up to date? The one it runs from, or one that was named by hand. Not
# so in a chroot: that of live-build sees the machine's own /proc.
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

# The release that the stick is to have as long as nothing is noted: what it has; if that cannot be told,
# the newest, and it is for livengkupd to say what is wrong.
liveng_wanted()
{
	liveng_release=$(liveng_set current)
	[ "$liveng_release" ] || liveng_say "cannot tell what the stick boots: it is to get the newest kernel"
	echo "${liveng_release:-$(liveng_newest)}"
}

# The release that is noted; nothing if there is none.
liveng_noted()
{
	cut -d ' ' -f 1 "$liveng_pending" 2> /dev/null || :
}

# Is what apt installs still there after a reboot? Not if live-boot has put the changes of / into memory.
liveng_persists()
{
	[ "$LIVENG_DISK" ] || {
		grep -q ' /run/live/persistence/' /proc/mounts &&
			! grep -q '^[^ ]* / overlay [^ ]*upperdir=/run/live/overlay/' /proc/mounts
	} || {
		liveng_say "nothing of this boot persists: the stick keeps the kernel that it has"
		return 1
	}
}

# Has this package kept the stick up to date so far? Not when it comes, or comes back.
liveng_is_at_home()
{
	[ -e "$liveng_protection" ]
}

# liveng_note RELEASE [built]: that it is to be written. Not to be called where the shell overlooks
# errors, behind `if` or before `||`: a full disk is one. All of the file system is synced: a power cut
# leaves what depmod wrote empty, and dpkg has no reason to call it again.
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

# liveng_write RELEASE [built]: note it, and see that it is done. Of several in one run the newest counts,
# in whatever order dpkg configures them.
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

# Do what is noted. live-tools diverts update-initramfs; the true one stands beside it.
liveng_work()
{
	[ -e "$liveng_pending" ] || return 0
	read -r release built < "$liveng_pending" || :
	liveng_is_installed "$release" || release=$(liveng_newest) built=
	if ! [ "$release" ]; then
		liveng_say "no kernel is installed: the stick keeps the one that it has"
		rm -f "$liveng_pending"
		return 0
	fi
	# Of a kernel that came before this package, and then the power went.
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

# Keep apt from removing as no longer needed what one of the sets needs: its modules. What was kept so far
# is if the stick cannot be read now.
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
