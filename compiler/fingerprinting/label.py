"""The label of an image that says which fingerprint it was built for; for people to read only."""

LABEL = "compile-matrix.fingerprint"


def label(fingerprint: str) -> str:
    """Return what `--set TARGET.` takes to label an image.

    >>> label("0a")
    'labels.compile-matrix.fingerprint=sha256:0a'
    """
    return f"labels.{LABEL}=sha256:{fingerprint}"
