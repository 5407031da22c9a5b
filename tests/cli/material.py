# SPDX-License-Identifier: GPL-3.0-or-later
"""Real kernels and initrds: what tests/data/material.sh made. MATERIAL names its folder (build/material if not set)."""

import os
from pathlib import Path

from programs import TOP

MATERIAL = Path(os.environ.get("MATERIAL", TOP / "build/material")).resolve()


class RealSet:
    """A kernel set of the real material; has what a small KernelSet has."""

    def __init__(self, release, kernel, initrd):
        self.release = release
        self.kernel = kernel
        self.initrd = initrd


class Material:
    """What tests/data/material.sh made."""

    def __init__(self, folder):
        self.folder = folder
        lines = (folder / "env").read_text().splitlines()
        names = dict(line.split("=", 1) for line in lines)
        self.old_release, self.release = names["OLD"], names["NEW"]
        self.arm_release, self.i386_release, self.cloud_release = names["ARM"], names["I386"], names["CLOUD"]  # or empty
        self.old = self.set(self.old_release)
        self.new = self.set(self.release)

    def set(self, release, kernel=None, initrd=None):
        return RealSet(release, kernel or self.kernel(release), initrd or self.initrd(release))

    def kernel(self, release, variant=""):
        return self.folder / f"vmlinuz-{release}{variant}"

    def config(self, release):
        return self.folder / f"config-{release}"

    def initrd(self, release=None, variant=""):
        return self.folder / f"initrd.img-{release or self.release}{variant}"
