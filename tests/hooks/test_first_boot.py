# SPDX-License-Identifier: GPL-3.0-or-later
"""The first boot of a stick made of a stock image: deploy/data/first/first-boot, with dpkg and apt of a system that
has never heard of liveng."""

import re
import shlex
import subprocess

import pytest

from system import LIVE, TOP, packages

COMMON = "linux-image-liveng-common"
DONE = "/var/lib/live/config/liveng-first"


class FirstBoot:
    """A machine that boots a stick with packages on partition 1."""

    def __init__(self, machine):
        self.machine = machine
        self.deployment = "0001"
        medium = machine.work / "medium"
        for folder in "liveng", "live":
            (medium / folder).mkdir(parents=True)
        for package in packages():
            if COMMON in package.name or "livengkupd" in package.name:  # this system lacks the kernel's metapackage
                (medium / "liveng" / package.name).write_bytes(package.read_bytes())
        (medium / "live/initrd.img").write_text("the stick's initrd")
        self.medium = medium
        self.uname(machine.old)

    def uname(self, release):
        """The kernel that runs."""
        self.machine.put("/usr/sbin/uname", f"#!/bin/sh\necho {release}\n", mode="755")

    def boot(self, before="", persistence=LIVE, check=True):
        """Boot it; @before: what the initrd did. Returns what the log has, and then what is said at login."""
        script = (TOP / "deploy/data/first/first-boot").read_bytes()
        return self.machine.run(f"""
            mkdir -p /run/liveng/first
            cat > /run/liveng/first/first-boot
            {before}
            sh /run/liveng/first/first-boot
            code=$?
            cat /run/liveng/first/log /run/motd.d/* 2> /dev/null
            exit $code
            """, cmdline=f"{persistence} live-media=/dev/disk/by-partuuid/{self.deployment} quiet", data=script,
            check=check)

    def installed(self):
        query = f"dpkg-query -Wf '${{db:Status-Status}} ${{Version}}' {COMMON} 2> /dev/null || :"
        return self.machine.run(query).text.strip()

    def newer(self, version):
        """The packages on the stick become newer ones."""
        folder = self.machine.work / "newer"
        for package in self.medium.glob("liveng/*.deb"):
            subprocess.run(f"""
                dpkg-deb -R {shlex.quote(str(package))} {folder}
                sed -i '/^Version:/s/ .*/ {version}/; s/livengkupd (= [^)]*)/livengkupd (= {version})/' \\
                    {folder}/DEBIAN/control
                dpkg-deb --root-owner-group -b {folder} {shlex.quote(str(package))}
                rm -r {folder}
                """, shell=True, check=True, stdout=subprocess.DEVNULL)


@pytest.fixture
def first(bare):
    return FirstBoot(bare)


def writes(done):
    return done.text.count("partition 2: wrote")


@pytest.mark.either
def test_it_installs_the_packages_once(first):
    """Without a network; the initrd and the set that liveng-deploy made are good for this kernel."""
    machine = first.machine
    assert first.boot(persistence="boot=live").text == ""  # nothing would last
    image = machine.run(f"cat /boot/initrd.img-{machine.old} | sha256sum").text
    done = first.boot(before=f"""
        mkdir -p /run/live/rootfs/filesystem.squashfs/boot
        cp /boot/initrd.img-{machine.old} /run/live/rootfs/filesystem.squashfs/boot/
        """)
    assert first.installed().startswith("installed")
    assert not re.search(r"Get:\d+ (?!/run/live/medium)", done.text) and writes(done) == 0
    assert machine.builds() == [] and machine.current() == machine.old
    assert machine.run(f"cat {DONE}").text.split() == [first.deployment, COMMON, "livengkupd"]
    assert machine.run(f"cat /boot/initrd.img-{machine.old}").text == "the stick's initrd" != image
    assert first.boot().text == ""
    # What the user removes stays so, also when the stick is made anew.
    for deployment, words in ("0002", "remove"), ("0003", "purge"):
        machine.apt(f"{words} {COMMON}")
        first.deployment = deployment
        first.boot()
        assert not first.installed().startswith("installed")


@pytest.mark.either
def test_a_kept_persistence(first):
    """A newer package is installed, a newer kernel of the persistence goes to the stick."""
    machine = first.machine
    first.boot()
    version = first.installed()
    first.deployment = "0002"
    first.newer("99")
    done = first.boot()
    assert first.installed() == "installed 99" != version
    assert machine.builds() == [] and writes(done) == 0
    machine.run(f"dpkg -i /var/cache/apt/archives/linux-image-{machine.new}_*.deb")
    assert machine.current() == machine.new and machine.builds() == [machine.new]
    machine.deploy()  # of the same image, with the older kernel
    first.deployment = "0003"
    assert machine.current() == machine.old
    done = first.boot()
    assert machine.current() == machine.new and writes(done) == 1


@pytest.mark.either
def test_a_failure_is_said_and_tried_again(first):
    machine = first.machine
    machine.run("echo 'force-not-an-option' > /etc/dpkg/dpkg.cfg.d/broken")
    done = first.boot(check=False)
    assert done.code != 0 and "could not be set up" in done.text
    assert machine.run(f"ls {DONE} 2> /dev/null || :").text == ""
    # As after a power cut: apt would do nothing before `dpkg --configure -a`.
    machine.run("rm /etc/dpkg/dpkg.cfg.d/broken; touch /var/lib/dpkg/updates/0001")
    assert "could not be set up" not in first.boot().text
    assert first.installed().startswith("installed")


@pytest.mark.either
def test_what_the_stick_does_not_offer_now_is_not_done(first):
    """A medium of which only the system was copied to memory; a package that is there already and another that
    cannot be installed."""
    machine = first.machine
    first.medium.rename(first.medium.with_name("aside"))
    first.medium.mkdir()
    assert first.boot().text == "" and machine.run(f"ls {DONE} 2> /dev/null || :").text == ""
    first.medium.rmdir()
    first.medium.with_name("aside").rename(first.medium)
    first.boot()
    assert first.installed().startswith("installed")
    subprocess.run(f"""
        mkdir -p other/DEBIAN
        printf '%s\\n' 'Package: other' 'Version: 1' 'Architecture: all' 'Maintainer: none <none@localhost>' \\
            'Description: other' 'Depends: what-no-archive-has' > other/DEBIAN/control
        dpkg-deb --root-owner-group -b other {shlex.quote(str(first.medium / "liveng/other.deb"))}
        """, shell=True, check=True, stdout=subprocess.DEVNULL, cwd=machine.work)
    first.deployment = "0002"
    for _ in range(2):
        done = first.boot(check=False)
        assert done.code != 0 and "what-no-archive-has" in done.text and "could not be set up" in done.text


@pytest.mark.either
def test_what_dpkg_was_interrupted_in_is_completed(first):
    """Not taken for what the user has removed."""
    machine = first.machine
    first.boot()
    machine.run(f"sed -i '/^Package: {COMMON}$/,/^$/s/^Status: .*/Status: install ok half-configured/' "
                "/var/lib/dpkg/status")
    assert first.installed().startswith("half-configured")
    first.deployment = "0002"
    first.boot()
    assert first.installed().startswith("installed")


def in_initrd(machine, release, *names):
    listed = machine.run(f"lsinitramfs /boot/initrd.img-{release}").text.split("\n")
    return {name: any(line.removeprefix("usr/") == name or f"/{name}" in line for line in listed) for name in names}


NEEDED = "sbin/cryptsetup", "lib/cryptsetup/askpass"


@pytest.mark.full
def test_initrds_have_cryptsetup_in_any_case(first):
    """Without cryptsetup-initramfs the system's own; without any, the one that liveng-deploy brought."""
    machine = first.machine
    machine.apt("remove cryptsetup-initramfs")
    machine.run(f"dpkg -i /var/cache/apt/archives/linux-image-{machine.new}_*.deb")
    first.boot()
    assert machine.current() == machine.new
    has = in_initrd(machine, machine.new, *NEEDED, "libgcc_s.so.1", "95-dm-notify.rules", "9999-liveng.sh")
    assert all(has.values()), has
    machine.apt("remove cryptsetup cryptsetup-bin")
    first.deployment = "0002"
    first.boot(before="""
        mkdir -p /run/liveng/first/crypt /usr/lib/liveng/crypt.new # an earlier boot was interrupted
        for name in cryptsetup dmsetup askpass; do
            printf '#!/bin/sh\\nexit 0\\n' > /run/liveng/first/crypt/$name.sh
            chmod +x /run/liveng/first/crypt/$name.sh
        done
        touch /run/liveng/first/crypt/brought /run/liveng/first/crypt/libcryptsetup.so.12
        """)
    machine.run(f"update-initramfs.orig.initramfs-tools -u -k {machine.new} || update-initramfs -u -k {machine.new}")
    has = in_initrd(machine, machine.new, *NEEDED, "lib/liveng/crypt/libcryptsetup.so.12")
    assert all(has.values()), has
