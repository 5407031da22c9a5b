# SPDX-License-Identifier: GPL-3.0-or-later
"""LUKS containers in regular files, opened without root: by cryptsetup, and decrypted with nettle, which
shares nothing with the library that encrypted."""

import ctypes
import ctypes.util
import hashlib
import json
import re
import struct
import subprocess
from pathlib import Path

from stick import run

SECTOR = 4096
NETTLE = ctypes.CDLL(ctypes.util.find_library("nettle"))


def opens(container, passphrase):
    """Does cryptsetup accept this passphrase (bytes), passed as the prompt at boot would?"""
    done = subprocess.run(["cryptsetup", "open", "--test-passphrase", "--key-file=-", container],
                          input=passphrase, capture_output=True, check=False)
    assert done.returncode in (0, 2), done
    return done.returncode == 0


def volume_key(container, passphrase, folder):
    """The key, extracted from the header by cryptsetup."""
    path = Path(folder, "volume-key")
    run("cryptsetup", "luksDump", "--batch-mode", "--dump-volume-key", "--volume-key-file", path,
        "--key-file=-", container, input=passphrase)
    key = path.read_bytes()
    path.unlink()
    return key


def data_offset(container):
    """Where its data begins, in bytes."""
    dump = run("cryptsetup", "luksDump", container).decode()
    assert re.search(r"cipher: aes-xts-plain64\s+sector: 4096 ", dump), dump
    return int(re.search(r"offset: (\d+) \[bytes\]", dump)[1])


def decrypt(container, passphrase, path):
    """Write all of its data, decrypted, to the file `path`."""
    key = volume_key(container, passphrase, path.parent)
    assert len(key) == 64
    # struct xts_aes256_key: two keys of AES-256, which nettle may make larger.
    schedule = ctypes.create_string_buffer(4096)
    NETTLE.nettle_xts_aes256_set_decrypt_key(schedule, key)
    encrypted = container.read_bytes()[data_offset(container):]
    plain = ctypes.create_string_buffer(SECTOR)
    with open(path, "wb") as f:
        for at in range(0, len(encrypted), SECTOR):
            tweak = (at // 512).to_bytes(16, "little")
            NETTLE.nettle_xts_aes256_decrypt_message(schedule, tweak, SECTOR, plain,
                                                     encrypted[at:at + SECTOR])
            f.write(plain.raw)
    return path


def set_keyslot_cipher(header, cipher):
    """Change the cipher of all keyslots in the LUKS2 header `header` (bytearray), in both copies."""
    (size,) = struct.unpack_from(">Q", header, 8)
    for start in 0, size:
        text = slice(start + 4096, start + size)
        area = json.loads(header[text].partition(b"\0")[0])
        for slot in area["keyslots"].values():
            slot["area"]["encryption"] = cipher
        header[text] = json.dumps(area).encode().ljust(size - 4096, b"\0")
        header[start + 0x1c0:start + 0x200] = bytes(64)
        header[start + 0x1c0:start + 0x1e0] = hashlib.sha256(header[start:start + size]).digest()
