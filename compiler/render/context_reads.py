"""A Dockerfile's text -> what of its build contexts its instructions can read.

Takes text alone, so the same text gives the same answer everywhere. Promises never to leave out
what a build could read: what cannot be decided counts whole, with the instruction that is why.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from compiler.render.instruction_reads import sources


if TYPE_CHECKING:
    from e2b_dockerfile_utils import DockerfileAst, DockerfileInstruction


_WILD = re.compile(r"[*?\[\\]")
_OFFICIAL = re.compile(r"^(?:(?:index\.)?docker\.io/)?(?:library/)?")
_SYNTAX = re.compile(r"^#[ \t]*syntax[ \t]*=[ \t]*(\S+)", re.IGNORECASE | re.MULTILINE)
_KNOWN_SYNTAX = re.compile(r"^docker/dockerfile(?:-upstream)?(?:$|[:@])")
"""Frontends that read a Dockerfile as BuildKit's own does."""


class Reach(NamedTuple):
    """Which paths of one context can be read."""

    paths: tuple[str, ...] = ()
    """Files and folders, relative to the context, without `.` and `..`; sorted."""
    patterns: tuple[str, ...] = ()
    """The same with wildcards in it, as COPY takes them; sorted."""
    whole: str = ""
    """The instruction because of which everything counts; empty where only `paths` do."""


class Reads(NamedTuple):
    """What the instructions of a Dockerfile read."""

    main: Reach
    """Of the build's own context."""
    named: Mapping[str, Reach]
    """Of anything else that has a name, by `plain_name`: images and stages, or contexts."""
    undecided: str
    """The instruction that may read from any named context; empty where there is none."""
    args: frozenset[str] | None
    """The build arguments that it declares; None where it may read any."""
    triggers: tuple[str, ...]
    """What its ONBUILD instructions have a child do."""


EVERYTHING = Reads(Reach(whole="the Dockerfile"), {}, "the Dockerfile", None, ())
"""What a Dockerfile may read that is not understood."""


def plain_name(name: str) -> str:
    """Return the name of an image, stage or context as BuildKit compares them.

    >>> plain_name("docker.io/library/Python:latest")
    'python'
    """
    name = _OFFICIAL.sub("", name.lower().partition("::")[0])
    return name.removesuffix(":latest")


@dataclass(slots=True)
class _Gathered:
    """Paths of one context so far."""

    paths: set[str] = field(default_factory=set)
    patterns: set[str] = field(default_factory=set)
    whole: str = ""

    def add(self, path: str, because: str, *, wild: bool) -> None:
        """Take one source of an instruction."""
        if "$" in path:
            self.whole = self.whole or because
            return
        clean = posixpath.normpath(f"/{path}").lstrip("/")
        found = _WILD.search(clean) if wild else None
        if found is not None:
            # What the matcher of ignore files reads otherwise than COPY does.
            if "**" in clean or clean[0] in "!# " or clean[-1] == " " or "\\" in clean:
                clean = clean[: found.start()].rpartition("/")[0]
            else:
                self.patterns.add(clean)
                return
        if clean:
            self.paths.add(clean)
        else:
            self.whole = self.whole or because

    def reach(self) -> Reach:
        """Return what was gathered; where everything counts, paths say nothing."""
        if self.whole:
            return Reach(whole=self.whole)
        return Reach(tuple(sorted(self.paths)), tuple(sorted(self.patterns)))


@dataclass(slots=True)
class _Stage:
    name: str
    base: str
    line: str
    steps: list["DockerfileInstruction"] = field(default_factory=list)


def reads(
    text: str, *, stage: str = "", contexts: Iterable[str] = (), triggers: Iterable[str] = ()
) -> Reads:
    """Return what a Dockerfile's instructions can read.

    Args:
        text: the Dockerfile.
        stage: the stage that is built, by name or number; empty for the last.
        contexts: the names of contexts, which take the place of stages of their name.
        triggers: what ONBUILD of what it stands on has it do.
    """
    from e2b_dockerfile_utils import DockerfileSyntaxError, parse_dockerfile_ast

    syntax = _SYNTAX.search(text)
    if syntax is not None and not _KNOWN_SYNTAX.match(_OFFICIAL.sub("", syntax[1])):
        return EVERYTHING
    try:
        ast = parse_dockerfile_ast(text)
        onbuild = tuple(_trigger(step) for step in ast.instructions if step.name == "ONBUILD")
        inherited, own = (
            [step for line in lines for step in parse_dockerfile_ast(line).instructions]
            for lines in (triggers, onbuild)
        )
    except (DockerfileSyntaxError, ValueError):
        return EVERYTHING
    stages, declared = _stages(ast)
    if not stages:
        return EVERYTHING
    declared.update(name for step in (*inherited, *own) for name in _declared(step))
    stages[0].steps[:0] = inherited
    if len(stages) > 1:  # a stage that stands on another does what that one's ONBUILD says
        stages[-1].steps += own
    replaced = {plain_name(name) for name in contexts}
    for one in stages:
        if one.name and plain_name(one.name) in replaced:
            one.base, one.steps = "", []
    needed = stages if inherited or own else list(_needed(stages, stage, ast.escape_token))
    main, named, undecided = _gathered(needed, ast.escape_token)
    built = _numbered(stages).get(stage.lower(), -1)
    if not stages[built].base:  # a context, as it is
        named[plain_name(stages[built].name)] = Reach(whole=stages[built].line)
    if syntax is not None:
        named[plain_name(syntax[1])] = Reach(whole=syntax[0])
    return Reads(main, named, undecided, frozenset(declared), onbuild)


def _gathered(stages: list[_Stage], escape: str) -> tuple[Reach, dict[str, Reach], str]:
    """Return what stages read of the build's context and of names; what may be any name."""
    main = _Gathered()
    named: dict[str, _Gathered] = {}
    undecided = ""
    for stage in stages:
        if stage.base:
            named.setdefault(plain_name(stage.base), _Gathered()).whole = stage.line
        if "$" in stage.base:
            undecided = undecided or stage.line
        for step in stage.steps:
            for source in sources(step, escape):
                if "$" in source.name:
                    undecided = undecided or step.original
                    continue
                into = main
                if source.name:
                    into = named.setdefault(plain_name(source.name), _Gathered())
                into.add(source.path, step.original, wild=source.wild)
    return main.reach(), {name: found.reach() for name, found in named.items()}, undecided


def _trigger(step: "DockerfileInstruction") -> str:
    return step.original.strip()[len("ONBUILD") :].strip()


def _declared(step: "DockerfileInstruction") -> Iterator[str]:
    if step.name == "ARG":
        for word in step.args:
            yield word.partition("=")[0].strip("'\"")


def _stages(ast: "DockerfileAst") -> tuple[list[_Stage], set[str]]:
    """Return the stages, and the build arguments that any of it declares."""
    stages: list[_Stage] = []
    declared: set[str] = set()
    for step in ast.instructions:
        declared.update(_declared(step))
        if step.name == "FROM":
            base = step.args[0] if step.args else ""
            named = len(step.args) > 2 and step.args[1].lower() == "as"  # noqa: PLR2004 - FROM x AS y
            stages.append(_Stage(step.args[2] if named else "", base, step.original))
        elif stages:
            stages[-1].steps.append(step)
    return stages, declared


def _numbered(stages: list[_Stage]) -> dict[str, int]:
    """Return what stages are called, by name and by number."""
    names = {stage.name.lower(): n for n, stage in enumerate(stages) if stage.name}
    return {str(n): n for n in range(len(stages))} | names


def _needed(stages: list[_Stage], target: str, escape: str) -> Iterator[_Stage]:
    """Give the stages that are built for one of them, in order; all, where that is not sure."""
    numbers = _numbered(stages)
    start = numbers.get(target.lower(), None) if target else len(stages) - 1
    left = list(range(len(stages))) if start is None else [start]
    found: set[int] = set()
    while left:
        n = left.pop()
        if n in found:
            continue
        found.add(n)
        names = [stages[n].base]
        names += [source.name for step in stages[n].steps for source in sources(step, escape)]
        for name in names:
            if "$" in name:
                yield from stages
                return
            # A name that two stages bear is not sure either.
            left += [m for m, other in enumerate(stages) if other.name.lower() == name.lower()]
            if name in numbers:
                left.append(numbers[name])
    yield from (stages[n] for n in sorted(found))
