"""Decide which steps of a workflow build images, and which of these cannot be read."""

import re
from typing import Any


_ACTION = re.compile(r"docker/build-push-action@")
_BAKE = re.compile(r"docker/bake-action(?:/|@)")
_BUILD = re.compile(r"\bdocker\s+(?:buildx\s+)?build\b")


def is_build(step: Any) -> bool:
    """Return whether a step builds an image with docker/build-push-action."""
    return isinstance(step, dict) and bool(_ACTION.match(str(step.get("uses", ""))))


def why_not_read(step: Any) -> str:
    """Return why a step that builds images is not taken over; empty for other steps.

    >>> why_not_read({"run": "docker build ."})
    'it builds with shell commands'
    """
    if isinstance(step, dict) and _BUILD.search(str(step.get("run", ""))):
        return "it builds with shell commands"
    bakes = isinstance(step, dict) and _BAKE.match(str(step.get("uses", "")))
    return "it runs bake: take over its bake file instead" if bakes else ""
