"""How images are named for their fingerprints: the tag they wait under, and a label to be read."""

LABEL = "compile-matrix.fingerprint"
"""For people; it is never taken for what it says."""


def label(fingerprint: str) -> str:
    """Return what `--set TARGET.` takes to label an image.

    >>> label("0a")
    'labels.compile-matrix.fingerprint=sha256:0a'
    """
    return f"labels.{LABEL}=sha256:{fingerprint}"


def fingerprint_tag(fingerprint: str, platform: str = "") -> str:
    """Return the tag under which an image waits, or one platform of it.

    >>> fingerprint_tag("0a", "linux/arm64")
    'fp-0a-linux-arm64'
    """
    return f"fp-{fingerprint}" + (f"-{platform.replace('/', '-')}" if platform else "")
