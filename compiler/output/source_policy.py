"""The source policy of a build: BuildKit denies each image that no digest allows.

Takes the digests that generated files contain. Denied are all other images, and downloads of `ADD`
without a checksum or a commit. What a `RUN` instruction downloads is not subject to a policy.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from compiler.constants import MARKER, POLICY_FILE
from compiler.matrix.matrix import Matrix
from compiler.render.render import Dockerfile
from compiler.targets.target import Target


SOURCE_POLICY = "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY"
"""The environment variable of buildx that names a file with a source policy."""

_DIGEST = re.compile(r"@(sha256:[0-9a-f]{64})(?![0-9a-f])")
_FIELDS = ("args", "attest", "contexts")
"""The fields that can name images."""

Rule = Mapping[str, Any]


def policy_path(matrix: Matrix) -> str:
    """Return the path of the policy, relative to the project's folder."""
    return str(PurePosixPath(matrix.output, POLICY_FILE))


def source_policy(dockerfiles: Iterable[Dockerfile], source: str) -> bytes:
    """Return the text of a policy that allows only what these Dockerfiles pin.

    Args:
        dockerfiles: the pinned Dockerfiles, with their targets.
        source: the matrix file's path in the project's folder.
    """
    digests: dict[str, None] = {}
    for target, text, _ in dockerfiles:
        for place in (text, *_texts(target)):
            digests |= dict.fromkeys(_DIGEST.findall(place))
    downloads = [
        *(rule("DENY", f"{scheme}://*") for scheme in ("http", "https", "git")),
        _allowed_download("^https?://", checksum="http.checksum"),
        _allowed_download("^git://", checksum="git.checksum"),
        _allowed_download(r"^git://[^#]+#[0-9a-f]{40}(:.*)?$"),
    ]
    images = [rule("DENY", "docker-image://*"), *map(allowed_image, sorted(digests))]
    title = json.dumps(f"{MARKER} from {source}; do not edit.")
    rules = ",\n".join(f"  {json.dumps(rule)}" for rule in (*downloads, *images))
    return f'{{"version": 1, "generated": {title},\n "rules": [\n{rules}\n ]\n}}\n'.encode()


def _texts(target: Target) -> Iterator[str]:
    for name in _FIELDS:
        value: Any = target.fields.get(name, ())
        for entry in value.values() if isinstance(value, Mapping) else value:
            yield str(entry)


def rule(action: str, identifier: str) -> Rule:
    """Return a rule for all sources with these identifiers; of all that match, the last decides."""
    return {"action": action, "selector": {"identifier": identifier}}


def _allowed_download(identifiers: str, *, checksum: str = "") -> Rule:
    """Return the rule that allows downloads, or only those with a checksum.

    BuildKit caches selectors by their identifier, without the constraints: this one must differ
    from those of rules that deny.

    Args:
        identifiers: a regular expression for their addresses.
        checksum: the attribute that must have a value.
    """
    selector: dict[str, Any] = {"identifier": identifiers, "match_type": "REGEX"}
    if checksum:
        selector["constraints"] = [{"key": checksum, "condition": "NOTEQUAL", "value": ""}]
    return {"action": "ALLOW", "selector": selector}


def allowed_image(digest: str) -> Rule:
    """Return the rule that allows an image by its digest, whatever its name."""
    return rule("ALLOW", f"docker-image://*@{digest}")


def read_policy(matrix: Matrix, folder: Path) -> bytes | None:
    """Return the generated policy of a matrix; None if it has none.

    Args:
        matrix: the matrix.
        folder: the project's folder, in which the generated files are up to date.

    Raises:
        OSError: the file cannot be read.
    """
    return (folder / policy_path(matrix)).read_bytes() if matrix.lock.policy else None


def with_images(policy: bytes, digests: Iterable[str]) -> bytes:
    """Return a policy that allows more images: those of other targets, by digest."""
    content = json.loads(policy)
    content["rules"] += map(allowed_image, digests)
    return json.dumps(content).encode()
