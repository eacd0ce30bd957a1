"""Start Debian's Chromium, unpacked with the fonts of the screenshots."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from support import packages


PACKAGES = ("chromium", "fonts-inter", "fonts-jetbrains-mono")
ARGUMENTS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",  # root needs it, and the pages are our own
)
FONTS = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>{folder}/usr/share/fonts</dir>
  <cachedir>{folder}/fonts</cachedir>
  <alias binding="same"><family>system-ui</family><prefer><family>Inter</family></prefer></alias>
  <alias binding="same"><family>monospace</family>
    <prefer><family>JetBrains Mono</family></prefer></alias>
</fontconfig>
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Provide a running browser that makes no connections of its own.

    Raises:
        Unavailable: the machine cannot get a Chromium.
    """
    folder = packages.unpacked("chromium", packages.codename(), PACKAGES, resolve=True)
    executable = folder / "usr/lib/chromium/chromium"
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        fonts = Path(scratch, "fonts.conf")
        fonts.write_text(FONTS.format(folder=folder))
        libraries = {str(path.parent) for path in folder.glob("usr/lib/*-linux-*/**/*.so*")}
        search = [*sorted(libraries), os.environ.get("LD_LIBRARY_PATH", "")]
        browser = playwright.chromium.launch(
            executable_path=executable,
            args=ARGUMENTS,
            env={
                **os.environ,
                "FONTCONFIG_FILE": str(fonts),
                "LD_LIBRARY_PATH": ":".join(filter(None, search)),
            },
        )
        try:
            yield browser
        finally:
            browser.close()
