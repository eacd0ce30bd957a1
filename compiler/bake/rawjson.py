"""Read the output of `bake --progress=rawjson`: steps and errors of each target."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from compiler.bake.progress import Log, Vertex, parse_status
from compiler.bake.trace import BuildTrace
from compiler.external.transient_errors import is_cancellation


MAX_STEP_OUTPUT = 32 * 1024
"""Characters of a step's output that are kept, for targets that join the step and for errors."""

_STEP = re.compile(r"\[([\w-]+) (.*)", re.DOTALL)
"""A step's name: `[TARGET 2/3] RUN ...`, `[TARGET internal] load ...`, or `[TARGET] exporting`."""
_STEP_WITHOUT_NUMBER = re.compile(r"\[([\w-]+)\] (.*)", re.DOTALL)
_WARNING = re.compile(r"^WARNING: (.*)", re.MULTILINE)
_NO_OUTPUT = re.compile(r"No output specified (?:for .* )?with (\S+) driver")
_ERROR = re.compile(r"^ERROR: (?:target ([\w-]+): )?(.*)", re.MULTILINE | re.DOTALL)


class LogText(NamedTuple):
    """Text for the log of one target."""

    target: str
    text: str
    step: str = ""
    """The name of the step that starts here; empty within a step."""


class StepError(NamedTuple):
    """An error and the targets that it concerns."""

    targets: frozenset[str]
    """All targets that share the failed step; empty if bake names none."""
    error: str
    output: str
    """The last output of the step."""


class _Step:
    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        """Target -> the step's name in that target."""
        self.started: set[str] = set()
        self.completed: set[str] = set()
        self.output = ""
        self.error = ""


class OutputReader:
    """Reads the output of one bake process line by line."""

    def __init__(self, trace: BuildTrace | None = None, only: str = "") -> None:
        """Create the reader.

        Args:
            trace: what collects the steps, if they are to be kept.
            only: the only target of the process, if it builds a single one. Buildx then does not
                write its name in front of steps: `[builder 2/3]` is a stage, not a target.
        """
        self._trace = trace
        self._only = only
        self._steps: dict[str, _Step] = {}
        self._messages: list[str] = []
        self._unfinished: list[bytes] = []

    def read(self, line: bytes) -> Iterator[LogText]:
        """Read a line; yield the text that it adds to the logs of targets."""
        if self._unfinished or line == b"{\n":  # buildx 0.13 writes a status over several lines
            self._unfinished.append(line)
            if line != b"}\n":
                return
            line, self._unfinished = b"".join(self._unfinished), []
        status = parse_status(line)
        if status is None:
            self._messages.append(line.decode(errors="replace").rstrip())
            return
        if self._only:
            named = (v._replace(name=_with_target(self._only, v.name)) for v in status.vertices)
            status = status._replace(vertices=tuple(named))
        if self._trace is not None:
            self._trace.add(status)
        for vertex in status.vertices:
            yield from self._read_vertex(vertex)
        for log in status.logs:
            yield from self._read_log(log)

    @property
    def started(self) -> bool:
        """Return whether any target has reached a step."""
        return any(step.names for step in self._steps.values())

    @property
    def messages(self) -> str:
        """Return the output that is not JSON: bake's own messages, at its end."""
        return "\n".join(self._messages).strip()

    @property
    def warnings(self) -> list[str]:
        """Return bake's warnings, without the names of targets in them."""
        warnings = []
        for text in _WARNING.findall(self.messages):
            no_output = _NO_OUTPUT.match(text)
            warnings.append(
                f"a builder with the {no_output[1]} driver keeps images only in its cache: "
                "use --push or --load, or set `output` in matrix.yaml"
                if no_output
                else text
            )
        return warnings

    def errors(self) -> list[StepError]:
        """Return the errors of all failed steps, cancelled steps excluded.

        Without a failed step, the error in bake's messages is returned.
        """
        errors = [
            StepError(frozenset(step.names), step.error, step.output)
            for step in self._steps.values()
            if step.error and not is_cancellation(step.error) and step.names
        ]
        message = _ERROR.search(self.messages)
        if not errors and message:
            targets = frozenset([message[1]] if message[1] else [])
            errors = [StepError(targets, message[2].strip(), self.messages)]
        return errors

    def _read_vertex(self, vertex: Vertex) -> Iterator[LogText]:
        step = self._steps.setdefault(vertex.digest, _Step())
        match = _STEP_WITHOUT_NUMBER.match(vertex.name) or _STEP.match(vertex.name)
        if match is None or match[1] == "internal":
            return
        target = match[1]
        name = f"[{match[2]}" if match.re is _STEP else match[2]
        if target not in step.names:
            step.names[target] = name
        if vertex.started and target not in step.started:
            step.started.add(target)
            yield LogText(target, f"{name}\n{step.output}", step=name)
        if vertex.error:
            if not step.error or is_cancellation(step.error):
                step.error = vertex.error
            yield LogText(target, f"ERROR: {vertex.error}\n")
        elif vertex.completed and target not in step.completed:
            step.completed.add(target)
            if vertex.cached:
                yield LogText(target, "CACHED\n")

    def _read_log(self, log: Log) -> Iterator[LogText]:
        step = self._steps.setdefault(log.vertex, _Step())
        step.output = (step.output + log.text)[-MAX_STEP_OUTPUT:]
        for target in step.started:
            yield LogText(target, log.text)


def _with_target(target: str, name: str) -> str:
    """Return the name of a step as buildx writes it for a process with several targets.

    >>> _with_target("a", "[builder 2/3] RUN x"), _with_target("a", "exporting to image")
    ('[a builder 2/3] RUN x', '[a] exporting to image')
    >>> _with_target("a", "[a 2/3] RUN x")
    '[a 2/3] RUN x'
    """
    if name.startswith((f"[{target} ", f"[{target}]")):
        return name
    return f"[{target} {name[1:]}" if name.startswith("[") else f"[{target}] {name}"
