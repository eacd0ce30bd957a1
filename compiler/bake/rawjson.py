"""What one bake process says while it builds: the steps of each target, and what went wrong."""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from compiler.bake.transient_errors import canceled


KEPT = 32 * 1024
"""Characters of a step's output that are kept for who comes to share the step, and for its end."""

_STEP = re.compile(r"\[([\w-]+) (.*)", re.DOTALL)
"""A step's name: `[TARGET 2/3] RUN ...`, `[TARGET internal] load ...`, or `[TARGET] exporting`."""
_BARE = re.compile(r"\[([\w-]+)\] (.*)", re.DOTALL)
_WARNING = re.compile(r"^WARNING: (.*)", re.MULTILINE)
_NOT_KEPT = re.compile(r"No output specified (?:for .* )?with (\S+) driver")
_SAID = re.compile(r"^ERROR: (?:target ([\w-]+): )?(.*)", re.MULTILINE | re.DOTALL)


class Line(NamedTuple):
    """A piece of a target's log."""

    target: str
    text: str
    step: str = ""
    """The step that begins here, if one does."""


class _Step:
    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        """Target -> what it calls the step."""
        self.begun: set[str] = set()
        self.ended: set[str] = set()
        self.said = ""
        self.error = ""


class Watch:
    """Reads what bake says with --progress=rawjson, line by line."""

    def __init__(self) -> None:
        self._steps: dict[str, _Step] = {}
        self._words: list[str] = []
        self._open: list[bytes] = []

    def read(self, line: bytes) -> Iterator[Line]:
        """Take a line, and give what it adds to the logs of targets."""
        if self._open or line == b"{\n":  # buildx 0.13 spreads a status over lines
            self._open.append(line)
            if line != b"}\n":
                return
            line, self._open = b"".join(self._open), []
        try:
            status = json.loads(line)
        except ValueError:
            status = None
        if not isinstance(status, dict):
            self._words.append(line.decode(errors="replace").rstrip())
            return
        for vertex in status.get("vertexes") or ():
            yield from self._vertex(vertex)
        for log in status.get("logs") or ():
            yield from self._log(log)

    @property
    def seen(self) -> bool:
        """Tell whether any target got as far as a step."""
        return any(step.names for step in self._steps.values())

    @property
    def words(self) -> str:
        """Return what bake said at the end, for people."""
        return "\n".join(self._words).strip()

    @property
    def warnings(self) -> list[str]:
        """Return what bake warned of; never the same in other words for other targets."""
        found = []
        for text in _WARNING.findall(self.words):
            lost = _NOT_KEPT.match(text)
            found.append(
                f"a builder of the driver {lost[1]} keeps what it builds in its cache alone: "
                "give --push, --load, or an `output` in matrix.yaml"
                if lost
                else text
            )
        return found

    def errors(self) -> list[tuple[frozenset[str], str, str]]:
        """Return each error with the targets that met it, and the end of what they said.

        What was merely stopped is none. Steps that targets share are errors of all of them.
        """
        found = [
            (frozenset(step.names), step.error, step.said)
            for step in self._steps.values()
            if step.error and not canceled(step.error) and step.names
        ]
        told = _SAID.search(self.words)
        if not found and told:
            named = frozenset([told[1]] if told[1] else [])
            found = [(named, told[2].strip(), self.words)]
        return found

    def _vertex(self, vertex: dict[str, Any]) -> Iterator[Line]:
        step = self._steps.setdefault(vertex["digest"], _Step())
        match = _BARE.match(vertex["name"]) or _STEP.match(vertex["name"])
        if match is None or match[1] == "internal":
            return
        target = match[1]
        name = f"[{match[2]}" if match.re is _STEP else match[2]
        if target not in step.names:
            step.names[target] = name
        if "started" in vertex and target not in step.begun:
            step.begun.add(target)
            yield Line(target, f"{name}\n{step.said}", step=name)
        if error := vertex.get("error", ""):
            if not step.error or canceled(step.error):
                step.error = error
            yield Line(target, f"ERROR: {error}\n")
        elif "completed" in vertex and target not in step.ended:
            step.ended.add(target)
            if vertex.get("cached"):
                yield Line(target, "CACHED\n")

    def _log(self, log: dict[str, Any]) -> Iterator[Line]:
        step = self._steps.setdefault(log["vertex"], _Step())
        text = base64.b64decode(log.get("data") or "").decode(errors="replace")
        step.said = (step.said + text)[-KEPT:]
        for target in step.begun:
            yield Line(target, text)
