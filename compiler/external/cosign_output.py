"""Read what cosign prints: which images it has verified, and why it failed."""

import json
import re
from collections.abc import Sequence

from compiler.external.cosign_environment import PASSWORD


_MAX_REASON = 300
"""Maximum number of characters of cosign's own message in an error."""
_DENIED = re.compile(r"\b(?:401|403)\b|unauthorized|\bdenied\b|forbidden", re.IGNORECASE)
_UNVERIFIED = re.compile(
    r"no valid bundles|no matching|no signatures found|failed to verify|could not verify"
    r"|none of the expected identities|invalid signature|MANIFEST_UNKNOWN|404 Not Found"
)
_UNVERIFIED_CODES = range(10, 14)
"""cosign's exit codes for missing and for other signatures."""


def count_verified(stdout: bytes, references: Sequence[str]) -> int:
    """Return how many of the images, from the first on, cosign reports as verified, in order."""
    digests = []
    for line in stdout.splitlines():
        try:
            payloads = json.loads(line)
            digests.append(payloads[0]["critical"]["image"]["docker-manifest-digest"])
        except (ValueError, RecursionError, LookupError, TypeError):
            continue
    count = 0
    for digest, reference in zip(digests, references, strict=False):
        if reference.rpartition("@")[2] != digest:
            break
        count += 1
    return count


def error_reason(stderr: bytes) -> str:
    r"""Return cosign's error message on one line, without what cannot be printed.

    >>> error_reason(b"Error: signing [r@sha256:1]: signing digest: EOF\nerror during ...\n")
    'EOF'
    """
    lines = stderr.decode(errors="replace").splitlines()
    errors = [line for line in lines if "Error: " in line] or [line for line in lines if line]
    text = errors[0].rpartition("Error: ")[2] if errors else ""
    text = text.rpartition("signing digest: ")[2].rpartition("getting signer: ")[2]
    text = "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))
    return text if len(text) <= _MAX_REASON else f"{text[: _MAX_REASON - 3]}..."


def is_unverified(code: int, reason: str) -> bool:
    """Return whether a failure means that an image is missing, or not signed by the signer.

    >>> is_unverified(10, "no signatures found"), is_unverified(1, "401 Unauthorized")
    (True, False)
    """
    is_known = code in _UNVERIFIED_CODES or _UNVERIFIED.search(reason) is not None
    return is_known and not _DENIED.search(reason)


def explain(reason: str, *, has_key: bool, has_password: bool) -> tuple[str, str]:
    """Return the message and the help for a failure.

    Args:
        reason: cosign's own message.
        has_key: whether cosign was to use a private key.
        has_password: whether the variable with its password is set.
    """
    if has_key and not has_password and ("ioctl" in reason or "decrypt" in reason):
        return "the private key needs a password", f"set the environment variable {PASSWORD}"
    if has_key and "decrypt" in reason:
        return "the private key cannot be decrypted", f"correct the variable {PASSWORD}"
    if _DENIED.search(reason):
        help_ = "run `docker login` with an account that may push to the repository"
    elif has_key:
        help_ = "check the key in `key`, and whether the registry can be reached"
    else:
        help_ = "check whether the registry and the services of Sigstore can be reached"
    return f"cosign failed: {reason}", help_
