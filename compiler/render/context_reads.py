"""Determine which files of its build contexts a Dockerfile can read.

The result depends on the text alone, so equal texts give equal results on every machine. It
over-approximates: if the sources of an instruction cannot be determined from the text, the whole
context counts, and that instruction is recorded as the reason.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from compiler.external.references import lookup_name
from compiler.render.dockerfile import DockerfileError, Instruction, Stage, read
from compiler.render.instruction_reads import sources
from compiler.render.stages import possible_stages, stage_numbers


_WILD = re.compile(r"[*?\[\\]")


class Reach(NamedTuple):
    """The paths of one context that can be read."""

    paths: tuple[str, ...] = ()
    """Files and folders, relative to the context, without `.` and `..`; sorted."""
    patterns: tuple[str, ...] = ()
    """Paths with wildcards, in the syntax of COPY; sorted."""
    whole: str = ""
    """The instruction because of which the whole context counts; empty if only `paths` count."""


class Reads(NamedTuple):
    """What the instructions of a Dockerfile can read."""

    main: Reach
    """In the build context."""
    named: Mapping[str, Reach]
    """In images, stages and named contexts, by `lookup_name`."""
    undecided: str
    """The instruction that may read from any named context; empty if there is none."""
    args: frozenset[str] | None
    """The build arguments that it declares; None if it may read any."""
    triggers: tuple[str, ...]
    """The instructions after `ONBUILD`, which child images run."""


EVERYTHING = Reads(Reach(whole="the Dockerfile"), {}, "the Dockerfile", None, ())
"""The result for a Dockerfile that cannot be parsed."""


@dataclass(slots=True)
class _Gathered:
    """Collects paths of one context."""

    paths: set[str] = field(default_factory=set)
    patterns: set[str] = field(default_factory=set)
    whole: str = ""

    def add(self, path: str, because: str, *, wild: bool) -> None:
        """Add one source of an instruction."""
        if "$" in path:
            self.whole = self.whole or because
            return
        clean = posixpath.normpath(f"/{path}").lstrip("/")
        match = _WILD.search(clean) if wild else None
        if match is not None:
            # The matcher of ignore files differs from COPY in these.
            if "**" in clean or clean[0] in "!# " or clean[-1] == " " or "\\" in clean:
                clean = clean[: match.start()].rpartition("/")[0]
            else:
                self.patterns.add(clean)
                return
        if clean:
            self.paths.add(clean)
        else:
            self.whole = self.whole or because

    def reach(self) -> Reach:
        """Return the collected paths; none if the whole context counts."""
        if self.whole:
            return Reach(whole=self.whole)
        return Reach(tuple(sorted(self.paths)), tuple(sorted(self.patterns)))


def reads(
    text: str, *, stage: str = "", contexts: Iterable[str] = (), triggers: Iterable[str] = ()
) -> Reads:
    """Return what the instructions of a Dockerfile can read.

    Args:
        text: the Dockerfile.
        stage: the stage that is built, by name or number; empty for the last.
        contexts: names of named contexts, which replace stages of the same name.
        triggers: the `triggers` of the images that it is based on.
    """
    try:
        parsed = read(text)
        if parsed.foreign or not parsed.stages:
            return EVERYTHING
        onbuild = tuple(_trigger(i) for i in parsed.instructions if i.keyword == "ONBUILD")
        inherited, own = (
            tuple(instruction for line in lines for instruction in read(line).instructions)
            for lines in (triggers, onbuild)
        )
    except DockerfileError:
        return EVERYTHING
    replaced = {lookup_name(name) for name in contexts}
    stages = [*parsed.stages]
    stages[0] = _with(stages[0], inherited, first=True)
    if len(stages) > 1:  # a stage that is based on another runs the ONBUILD of that one
        stages[-1] = _with(stages[-1], own)
    for n, one in enumerate(stages):
        if one.name and lookup_name(one.name) in replaced:
            stages[n] = one._replace(base=one.base._replace(text=""), instructions=())
    escape = parsed.escape
    needed = stages if inherited or own else possible_stages(stages, stage, escape)
    main, named, undecided = _collect(needed, escape)
    built = stages[stage_numbers(stages).get(stage.lower(), -1)]
    if not built.base.text:  # a named context, whose files are the image
        named[lookup_name(built.name)] = Reach(whole=built.text)
    if parsed.syntax is not None:
        directive = f"# syntax={parsed.syntax.text}"
        named[lookup_name(parsed.syntax.text)] = Reach(whole=directive)
    declared = {name for i in (*parsed.instructions, *inherited, *own) for name in _declared(i)}
    return Reads(main, named, undecided, frozenset(declared), onbuild)


def _with(stage: Stage, added: tuple[Instruction, ...], *, first: bool = False) -> Stage:
    before, after = (added, stage.instructions) if first else (stage.instructions, added)
    return stage._replace(instructions=(*before, *after))


def _collect(stages: Sequence[Stage], escape: str) -> tuple[Reach, dict[str, Reach], str]:
    """Return `main`, `named` and `undecided` of `Reads`."""
    main = _Gathered()
    named: dict[str, _Gathered] = {}
    undecided = ""
    for stage in stages:
        base = stage.base.text
        if base:
            named.setdefault(lookup_name(base), _Gathered()).whole = stage.text
        if "$" in base:
            undecided = undecided or stage.text
        for instruction in stage.instructions:
            for source in sources(instruction, escape):
                if "$" in source.name:
                    undecided = undecided or instruction.text
                    continue
                into = main
                if source.name:
                    into = named.setdefault(lookup_name(source.name), _Gathered())
                into.add(source.path, instruction.text, wild=source.wild)
    return main.reach(), {name: paths.reach() for name, paths in named.items()}, undecided


def _trigger(instruction: Instruction) -> str:
    return instruction.text.strip()[len("ONBUILD") :].strip()


def _declared(instruction: Instruction) -> Iterator[str]:
    if instruction.keyword == "ARG":
        for argument in instruction.arguments:
            yield argument.partition("=")[0].strip("'\"")
