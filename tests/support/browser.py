"""Start Chromium: the machine's own or Debian's, with the fonts of the screenshots."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from support import packages


OWN = ("chromium", "chromium-browser", "google-chrome")
"""Names of a browser that the machine may have."""
FONTS = ("fonts-inter", "fonts-jetbrains-mono")
ARGUMENTS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",  # root needs it, and the pages are our own
)
CONFIGURATION = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>{folder}/usr/share/fonts</dir>
  <cachedir>{cache}</cachedir>
  <alias binding="same"><family>system-ui</family><prefer><family>Inter</family></prefer></alias>
  <alias binding="same"><family>monospace</family>
    <prefer><family>JetBrains Mono</family></prefer></alias>
</fontconfig>
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Provide a running browser that makes no connections of its own.

    Raises:
        Unavailable: the machine has no Chromium, and cannot get one.
    """
    executable, libraries = _executable()
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable,
            args=ARGUMENTS,
            env={**os.environ, "LD_LIBRARY_PATH": libraries, **_fonts(Path(scratch))},
        )
        try:
            yield browser
        finally:
            browser.close()


def _executable() -> tuple[str, str]:
    """Return the machine's own browser, or Debian's with the folders of its libraries."""
    search = os.environ.get("LD_LIBRARY_PATH", "")
    own = next(filter(None, map(shutil.which, OWN)), None)
    if own is not None:
        return own, search
    folder = packages.unpacked("chromium", packages.codename(), ["chromium"], resolve=True)
    libraries = {str(path.parent) for path in folder.glob("usr/lib/*-linux-*/**/*.so*")}
    executable = folder / "usr/lib/chromium/chromium"
    return str(executable), ":".join(filter(None, [*sorted(libraries), search]))


def _fonts(scratch: Path) -> dict[str, str]:
    """Return the variable that selects the fonts of the screenshots; nothing without Debian."""
    try:
        folder = packages.unpacked("fonts", packages.codename(), FONTS)
    except packages.Unavailable:
        return {}
    file = scratch / "fonts.conf"
    file.write_text(CONFIGURATION.format(folder=folder, cache=scratch))
    return {"FONTCONFIG_FILE": str(file)}
