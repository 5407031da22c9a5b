# SPDX-License-Identifier: GPL-3.0-or-later
"""dpkg reports what goes wrong on a stick, and `dpkg --configure -a` does it again; the stick boots what it
booted before."""

import fcntl
import json
import re
import subprocess

import pytest

from system import TOP

pytestmark = pytest.mark.either


def writes(done):
    return done.text.count(": wrote ")


def test_failed_write_is_loud_and_tried_again(system):
    with open(system.stick, "rb") as stick:
        fcntl.flock(stick, fcntl.LOCK_EX)
        done = system.apt("install --reinstall cryptsetup-initramfs", check=False)
    assert done.code != 0
    assert "is in use by another program" in done.text
    assert system.noted() == system.new
    assert "linux-image-liveng-common" in system.run("dpkg --audit").text
    assert "wrote" in system.run("dpkg --configure -a").text
    assert system.noted() == ""
    assert system.run("dpkg --audit").text == ""


def test_a_hook_of_another_package_that_fails(system):
    """As raspi-firmware's, on each machine that is not a Raspberry Pi: before ours, and after the initrd was built."""
    system.put("/etc/kernel/postinst.d/m-foreign", "#!/bin/sh\nexit 1\n", mode="755")
    system.put("/etc/initramfs/post-update.d/m-foreign", "#!/bin/sh\nexit 1\n", mode="755")
    done = system.apt(f"install --reinstall linux-image-{system.new}", check=False)
    assert done.text.count("wrote") == 1 and system.noted() == ""
    assert "liveng: the initrd was built, but a hook in /etc/initramfs/post-update.d failed" in done.text
    assert "linux-image-liveng-common" not in system.run("dpkg --audit").text
    system.run("rm /etc/kernel/postinst.d/m-foreign /etc/initramfs/post-update.d/m-foreign && dpkg --configure -a")
    assert system.run("dpkg --audit").text == ""


def test_held_kernels_are_named(bare):
    """By those who made the image, for instance: no kernel would ever come, and nobody would say so."""
    name = f"linux-image-{bare.old}"
    bare.run(f"apt-mark hold {name}")
    assert f"sudo apt-mark unhold {name}" in bare.install().text
    bare.run(f"apt-mark unhold {name}")


def test_a_refusal_is_said_and_does_not_stay_with_apt(system):
    """It lasts: dpkg would fail, and build an initrd, in every later run. Something that changes is a reason to try."""
    system.put("/etc/initramfs-tools/hooks/broken", """#!/bin/sh
        [ "$1" != prereqs ] || { echo liveng; exit; }
        find "$DESTDIR" -name 'usb-storage.ko*' -delete
        """, mode="755")
    done = system.apt(f"install --reinstall linux-image-{system.new}")
    said = f"*** liveng: the stick does not get a new initrd of {system.new}, and keeps the one it has."
    assert said in done.text
    assert "the initrd lacks the module usb-storage" in done.text.split("***")[2]
    assert "wrote" not in done.text and system.builds() == [system.new] and system.noted() == ""
    assert system.run("head -n 1 /var/lib/liveng/refused").text.strip() == system.new
    assert system.run("dpkg --audit").text == ""
    assert "liveng:" not in system.apt("install --reinstall mawk").text and system.builds() == []
    done = system.apt("install --reinstall cryptsetup-initramfs")
    assert "does not get" in done.text and system.builds() == [system.new]
    system.run("rm /etc/initramfs-tools/hooks/broken")
    assert "wrote" in system.apt("install --reinstall cryptsetup-initramfs").text
    assert system.builds() == [system.new] and system.current() == system.new
    assert "refused" not in system.run("ls /var/lib/liveng").text


def test_a_refused_kernel_is_not_forgotten_and_the_current_one_not_neglected(system):
    """What changes initrds reaches the kernel that the stick boots; the refused one is tried each time."""
    system.run(f"/etc/kernel/postinst.d/zz-liveng {system.old}")
    assert system.current() == system.old and system.builds() == [system.old]
    system.put("/etc/initramfs-tools/hooks/broken", f"""#!/bin/sh
        [ "$1" != prereqs ] || {{ echo liveng; exit; }}
        [ "$version" != {system.new} ] || find "$DESTDIR" -name 'usb-storage.ko*' -delete
        """, mode="755")
    done = system.apt(f"install --reinstall linux-image-{system.new}")
    assert "does not get" in done.text and system.current() == system.old
    system.builds()
    done = system.apt("install --reinstall cryptsetup-initramfs")
    assert system.builds() == [system.new, system.old] and writes(done) == 1 and system.current() == system.old
    update = f"$(dpkg-divert --truename /usr/sbin/update-initramfs) -u -k {system.old}"
    assert f"wrote {system.old}" in system.run(f"echo nvme >> /etc/initramfs-tools/modules; {update}").text
    system.run("rm /etc/initramfs-tools/hooks/broken")
    system.run("dpkg-reconfigure -fnoninteractive linux-image-liveng-common")
    assert system.current() == system.new and "refused" not in system.run("ls /var/lib/liveng").text
    # One that is purged is not named any more.
    system.run(f"printf '%s\\n' {system.old} why > /var/lib/liveng/refused")
    system.apt(f"purge linux-image-{system.old}")
    assert "refused" not in system.run("ls /var/lib/liveng").text


def test_a_program_that_does_not_start_within_dpkg(system):
    """Such as between two versions of its libraries: the kernel is noted, and written later."""
    system.run_from_stick()
    system.run("cp /usr/sbin/livengkupd /usr/sbin/livengkupd.wrapper")
    system.put("/etc/kernel/postinst.d/0-breaks", "#!/bin/sh\nprintf '#!/no/such/program\\n' > /usr/sbin/livengkupd\n",
               mode="755")
    done = system.apt(f"install --reinstall linux-image-{system.new}", check=False)
    assert done.code != 0 and "livengkupd cannot be started" in done.text and system.noted() == system.new
    system.run("rm /etc/kernel/postinst.d/0-breaks; cp /usr/sbin/livengkupd.wrapper /usr/sbin/livengkupd")
    assert writes(system.run("dpkg --configure -a")) == 1 and system.noted() == ""


def test_wiped_stick_is_loud(system):
    """It is still a stick: nothing must pass for done."""
    table = json.loads(subprocess.run(["/sbin/sfdisk", "--json", system.stick], capture_output=True,
                                      check=True).stdout)["partitiontable"]
    place = next(p for p in table["partitions"] if p["name"] == "liveng-kernel")
    with open(system.stick, "r+b") as stick:
        stick.seek(place["start"] * 512)
        stick.write(bytes(place["size"] * 512))
    for words in "install --reinstall cryptsetup-initramfs", f"install --reinstall linux-image-{system.new}":
        done = system.apt(words, check=False)
        assert done.code != 0
        assert "livengkupd repair" in done.text
    system.run("livengkupd --disk /stick.img repair")
    assert system.current() == system.new
    system.run("dpkg --configure -a")
    assert system.run("dpkg --audit").text == ""


def test_removing_the_kernel_of_a_stick_that_cannot_be_read_is_loud(system):
    system.put("/etc/default/liveng", "LIVENG_DISK=/away\n")
    assert system.run(f"/etc/kernel/postrm.d/zz-liveng {system.old}", check=False).code != 0
    assert system.noted() == system.new


def test_a_record_that_cannot_be_written_is_loud(system):
    """As on a full disk: nothing must pass for done."""
    system.run("rm -rf /var/lib/liveng && touch /var/lib/liveng")
    assert system.run(f"/etc/kernel/postinst.d/zz-liveng {system.old}", check=False).code != 0
    assert system.apt("install --reinstall cryptsetup-initramfs", check=False).code != 0
    system.run("rm /var/lib/liveng && dpkg --configure -a")
    assert system.run("dpkg --audit").text == ""


def test_power_cut_between_record_and_work(system):
    system.put("/etc/kernel/postinst.d/zzz-die", "#!/bin/sh\nrm $0\nkill -9 -1\n", mode="755")
    assert system.apt(f"install --reinstall linux-image-{system.new}", check=False).code != 0
    assert system.noted() == system.new
    done = system.run("dpkg --configure -a")
    assert done.text.count("wrote") == 1
    assert system.noted() == ""


def test_power_cut_that_emptied_the_index_of_the_modules(bare):
    """Files that were not synced: apt had configured the kernel, but not yet the package."""
    bare.put("/etc/kernel/postinst.d/zzz-die", "#!/bin/sh\nrm $0\nkill -9 -1\n", mode="755")
    assert bare.install(check=False).code != 0
    bare.run(f"for file in /lib/modules/{bare.new}/modules.*.bin; do : > $file; done")
    bare.run("dpkg --force-confold --configure -a")
    assert bare.current() == bare.new


@pytest.mark.full
def test_depmods_output_is_synced_before_the_kernel_counts_as_configured(system):
    system.run("mv /bin/sync /bin/sync.true")
    system.put("/bin/sync", '#!/bin/sh\necho "$*" >> /sync.log\nexec $0.true "$@"\n', mode="755")
    system.put("/etc/kernel/postinst.d/zzz-log", "#!/bin/sh\necho configured >> /sync.log\n", mode="755")
    system.apt(f"install --reinstall linux-image-{system.new}")
    assert "-f /var/lib/liveng/pending.new\nconfigured\n" in system.run("cat /sync.log").text


DIES = """#!/bin/sh
case $* in *update*)
	mv $0.true $0
	touch /started
	(until [ /stick.img -nt /started ]; do :; done; kill -9 -1) &
esac
[ -e $0.true ] || exec $0 "$@"
exec $0.true "$@"
"""


def test_power_cut_while_the_stick_is_written(system):
    """Everything dies when the first bytes are written; the trigger runs again."""
    for _ in range(5):  # on a busy machine the end may come too late
        system.run("[ -e /usr/sbin/livengkupd.true ] || mv /usr/sbin/livengkupd /usr/sbin/livengkupd.true")
        system.put("/usr/sbin/livengkupd", DIES, mode="755")
        if system.apt("install --reinstall cryptsetup-initramfs", check=False).code != 0:
            break
    else:
        raise AssertionError("apt was done before the end came")
    assert system.current() in (system.old, system.new)
    assert "wrote" in system.run("dpkg --configure -a").text
    system.run("livengkupd --disk /stick.img verify")


def test_hook_outside_of_dpkg_works_at_once(system):
    done = system.run(f"/etc/kernel/postinst.d/zz-liveng {system.old}")
    assert "wrote" in done.text
    assert system.builds() == [system.old]
    assert system.current() == system.old


def test_initrd_built_by_hand_is_written_as_it_is(system):
    done = system.run("$(dpkg-divert --truename /usr/sbin/update-initramfs) -u -k all")
    assert done.text.count("wrote") == 1
    assert sorted(system.builds()) == sorted([system.old, system.new])
    assert system.current() == system.new


def test_repair_waits_for_apt(system):
    """What the unit runs first ends when apt does. Without it repair gives up at once: it does not fight apt."""
    unit = (TOP / "debian/linux-image-liveng-common.liveng-repair.service").read_text()
    wait = re.search(r"^ExecStartPre=-(.*)$", unit, re.MULTILINE)[1]
    done = system.run(f"""
        apt-get -qqy -o DPkg::Pre-Invoke::='touch /at-work; until [ -e /go-on ]; do sleep 0.1; done' \
            install --reinstall cryptsetup-initramfs > /log 2>&1 &
        until [ -e /at-work ]; do sleep 0.1; done
        livengkupd --disk /stick.img repair
        echo $?
        touch /go-on
        {wait} && livengkupd --disk /stick.img repair && grep wrote /log""")
    at_once, code, later, apt = done.text.splitlines()
    assert re.search(r"apt or dpkg is running \(process [0-9]+\): repair when it is done", at_once)
    assert code == "7"
    assert later.endswith("the current kernel set is whole, nothing to repair")
    assert "livengkupd: /stick.img" in apt
