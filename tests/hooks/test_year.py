# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a stick: what apt brings in the course of a year, and the next release of Debian. Each step costs so many
builds of an initrd and so many writes."""

import re

import pytest


class Life:
    """What each step costs."""

    def __init__(self, system):
        self.system = system

    def costs(self, command, builds, writes, **kwargs):
        """The releases that initrds are built of, in order, and the number of writes."""
        self.system.builds()
        done = self.system.run(command, **kwargs)
        assert (self.system.builds(), done.text.count(": wrote ")) == (builds, writes), done.text
        assert self.system.noted() == ""
        return done.text


APT = "apt-get -y -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0"


@pytest.mark.either
def test_a_year_on_a_stick(bare):
    """Three ABIs, a rebuild under one, a hold, a full disk, autoremove."""
    life = Life(bare)
    first, second, third = bare.oldest, bare.old, bare.new
    bare.run(f"{APT} install linux-image-{first} && {APT} purge linux-image-{second}")
    installed = life.costs(f"{APT} install /debs/livengkupd_*.deb /debs/linux-image-liveng-common_*.deb", [first], 1)
    assert "held" not in installed

    # A new ABI, and its rebuild.
    life.costs(f"{APT} install linux-image-{second}", [second], 1)
    bare.run(f"""
        cd /tmp && dpkg-deb -R /var/cache/apt/archives/linux-image-{second}_*.deb rebuilt
        sed -i 's/^Version: .*/&+rebuilt/' rebuilt/DEBIAN/control && dpkg-deb -Znone -b rebuilt rebuilt.deb""")
    life.costs("dpkg -i /tmp/rebuilt.deb", [second], 1)
    assert bare.status()["current"]["release"] == second

    # A hold keeps the next one away, and is named.
    bare.run(f"""
        mkdir -p meta/DEBIAN && cd meta && printf '%s\\n' 'Package: linux-image-amd64' 'Version: 1' 'Architecture: amd64' \\
            'Maintainer: test' 'Description: test' 'Depends: linux-image-{second}' > DEBIAN/control
        dpkg-deb -b . ../meta.deb && dpkg -i ../meta.deb && apt-mark hold linux-image-amd64""")
    way_out = "apt-mark unhold linux-image-amd64"
    assert way_out in bare.run("livengkupd --disk /stick.img --root / status").text
    assert way_out in bare.run("dpkg-reconfigure linux-image-liveng-common").text
    bare.run(f"{APT} full-upgrade")
    life.costs(f"{APT} full-upgrade", [], 0)
    assert bare.run("linux-version list | linux-version sort").text.split() == [first, second]

    # Not enough room for an initrd: said before it is begun, and apt goes on.
    full = "mount -t tmpfs -o size=4m tmpfs /var/tmp && "
    bare.run(way_out)
    said = life.costs(f"{full}{APT} full-upgrade", [], 0)
    assert f"*** liveng: the stick does not get the kernel {third}" in said
    assert "no room to build its initrd" in said and "MiB in /var/tmp," in said and "dpkg: error" not in said
    assert bare.status()["current"]["release"] == second and bare.run("dpkg --audit").text == ""
    life.costs(f"{full}{APT} install --reinstall mawk", [], 0)
    told = bare.run("livengkupd --disk /stick.img --root / status").text
    assert re.search(rf"refused +{re.escape(third)}  \(no room", told)

    # What nothing boots goes, which makes room; what the stick boots stays.
    bare.run(f"apt-mark auto linux-image-{first} linux-image-{second}")
    assert re.search(rf"old +{re.escape(first)}  \(.*: sudo apt purge linux-image-{re.escape(first)}\)$", told, re.M)
    bare.put("/etc/apt/apt.conf.d/99test", 'APT::Protect-Kernels "false";\n')
    life.costs(f"{APT} autoremove --purge", [third], 1)
    assert "refused" not in bare.run("livengkupd --disk /stick.img --root / status").text
    assert bare.run("linux-version list | linux-version sort").text.split() == [second, third]
    assert bare.status()["previous"]["release"] == second
    # By hand it may go, and that is said.
    said = life.costs(f"{APT} purge linux-image-{second}", [], 0)
    assert f"the stick still has {second} as a way back (previous), which lacks its modules now" in said
    told = bare.run("livengkupd --disk /stick.img --root / status").text
    assert re.search(rf"previous +{re.escape(second)} .*its modules are gone", told)
    assert bare.run("livengkupd --disk /stick.img --root / rollback", check=False).code == 4
    # As advised: the modules come back, and it stays what it is.
    said = life.costs(f"{APT} install linux-image-{second}", [], 0)
    assert f"the stick has {second} as a way back, and stays with {third}" in said
    told = bare.run("livengkupd --disk /stick.img --root / status").text
    assert re.search(rf"previous +{re.escape(second)} ", told) and "modules are gone" not in told
    assert bare.run("dpkg --audit").text == ""


@pytest.mark.full
@pytest.mark.parametrize("live_tools", [True, False], ids=["live-tools", "without"])
def test_the_next_release_of_debian(bookworm, live_tools):
    """From 12 to 13 in place: live-tools' program moves from /bin to /usr/bin, and the kernel is another."""
    bare, life = bookworm, Life(bookworm)
    bare.install()
    if not live_tools:
        bare.apt("remove live-tools")
    bare.run("sed -i 's/bookworm/trixie/' /etc/apt/sources.list /etc/apt/sources.list.d/* 2> /dev/null; "
             "apt-get -q -o Acquire::Languages=none update")
    upgrade = f"{APT} full-upgrade && {APT} install linux-image-amd64"
    planned = bare.run(f"{APT} -s install linux-image-amd64/trixie || :").text
    current = re.search(r"Inst linux-image-(6\.12\.\S+)", planned).group(1)
    # Without live-tools Debian's own two: of the kernel's hook and of the trigger.
    life.costs(upgrade, [current] * (1 if live_tools else 2), 1, timeout=1800)
    assert bare.current() == current and bare.run("dpkg --audit").text == ""
    if live_tools:
        assert "wrote" in bare.run("update-initramfs -u").text and bare.builds() == [current]
        assert "diversion of /usr/bin/live-update-initramfs" in bare.run("dpkg-divert --list '*live-update*'").text
    bare.apt("purge linux-image-liveng-common")
    assert "live-tools" not in bare.run("dpkg-divert --list '*live-update*'; ls /bin").text
    if live_tools:
        assert "is disabled" in bare.run("update-initramfs -u").text
        assert bare.run("dpkg -V live-tools | grep -v /usr/share/ || :").text == ""


@pytest.mark.full
def test_with_sysvinit(bare):
    """The same services, as init scripts."""
    life = Life(bare)
    bare.apt("install sysvinit-core")
    life.costs(f"{APT} install /debs/*.deb", [bare.new], 1)
    assert bare.run("ls /etc/rc2.d").text.count("liveng-") == 3
    life.costs(f"{APT} install --reinstall linux-image-{bare.new} cryptsetup-initramfs", [bare.new], 1)
    bare.apt("purge linux-image-liveng-common")
    assert bare.run("ls /etc/init.d /etc/rc?.d | grep liveng || :").text == ""
