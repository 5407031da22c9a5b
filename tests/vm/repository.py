# SPDX-License-Identifier: GPL-3.0-or-later
"""A signed apt repository with our packages, made by the commands that README.md gives to maintainers."""

import http.server
import os
import re
import subprocess
import threading
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from qemu import BUILD

README = BUILD.parent / "README.md"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A web server that writes no log."""

    def log_message(self, *_):
        pass


def commands():
    """The shell commands of README.md that publish packages, and the source that users add."""
    section = README.read_text().partition("\n## Publish")[2].partition("\n## ")[0]
    blocks = re.findall(r"(?m)(?:^    .*\n|^\n(?=    ))+", section)
    publish, source = [re.sub(r"(?m)^    ", "", block).strip() + "\n" for block in blocks[:2]]
    return publish, source


@contextmanager
def published(folder):
    """Run them; the repository then is on the web. Yields the key and a deb822 source as the guest needs
    them: QEMU's user network has this machine at 10.0.2.2."""
    publish, source = commands()
    home = Path(folder, "gnupg")
    home.mkdir(mode=0o700)
    environment = os.environ | {"GNUPGHOME": str(home)}
    Path(folder, "build").symlink_to(BUILD)
    done = subprocess.run(["sh", "-eu", "-c", publish], cwd=folder, env=environment, check=False,
                          capture_output=True, text=True)
    subprocess.run(["gpgconf", "--kill", "all"], env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Quiet, directory=str(folder / "repository")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        place = f"http://10.0.2.2:{server.server_port}/"
        key = (folder / "repository/liveng.asc").read_text()
        yield key, re.sub(r"(?m)^URIs: .*$", f"URIs: {place}", source)
    finally:
        server.shutdown()
