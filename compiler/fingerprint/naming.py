"""The tag and the label that name an image's fingerprint."""

import re


FINGERPRINT_PREFIX = "fp-"
"""The start of the tags of staged images."""
CHECK_PREFIX = "check-"
"""The start of tags that are reserved for the marks of passed checks."""
TIME_PREFIX = f"{FINGERPRINT_PREFIX}time-"
"""The start of tags of the notes that say when an image was staged; its digest follows."""
CLEAN_UP_PREFIX = f"{FINGERPRINT_PREFIX}gc-"
"""The start of tags of the notes that say which images a clean-up deletes."""
LABEL = "compile-matrix.fingerprint"
"""The label that shows an image's fingerprint to people; the program does not read it."""
_NOT_IN_TAGS = re.compile(r"[^A-Za-z0-9_.-]+")


def label(fingerprint: str) -> str:
    """Return the argument of `--set TARGET.` that labels an image.

    >>> label("0a")
    'labels.compile-matrix.fingerprint=sha256:0a'
    """
    return f"labels.{LABEL}=sha256:{fingerprint}"


def fingerprint_tag(fingerprint: str, platform: str = "") -> str:
    """Return the tag of a staged image, or of a single platform of it.

    >>> fingerprint_tag("0a", "linux/arm64")
    'fp-0a-linux-arm64'
    >>> fingerprint_tag("0a", "windows(10.0.26100)/amd64")
    'fp-0a-windows-10.0.26100-amd64'
    """
    suffix = f"-{_NOT_IN_TAGS.sub('-', platform)}" if platform else ""
    return f"{FINGERPRINT_PREFIX}{fingerprint}{suffix}"


def pushed_tag(fingerprint: str, platform: str = "") -> str:
    """Return the tag under which an image is pushed until its inputs were read again.

    >>> pushed_tag("0a", "linux/arm64")
    'fp-0a-linux-arm64-pushed'
    """
    return f"{fingerprint_tag(fingerprint, platform)}-pushed"
