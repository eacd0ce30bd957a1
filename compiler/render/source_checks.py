"""Check what a Dockerfile reads from a build context: missing, ignored and private paths."""

from collections.abc import Iterable, Iterator

from compiler.codes import Code
from compiler.constants import DOT_GIT
from compiler.errors import Severity
from compiler.external.references import lookup_name
from compiler.render.build_contexts import BuildContext, BuildContexts
from compiler.render.context_sources import ContextSource
from compiler.render.dockerfile_rules import Finding
from compiler.render.ignore_patterns import IgnoreMatcher
from compiler.render.path_patterns import compile_pattern
from compiler.render.pattern_escapes import PatternError
from compiler.render.shapes import Printed
from compiler.targets.target import Target


class SourceChecks:
    """Checks what the Dockerfiles of a plan read from contexts that are folders, each path once."""

    def __init__(self, contexts: BuildContexts) -> None:
        """Take the build contexts of the plan."""
        self._contexts = contexts
        self._warnings: dict[tuple[BuildContext, ContextSource], Finding | None] = {}

    def findings(
        self, target: Target, sources: Iterable[ContextSource], printed: Printed
    ) -> Iterator[Finding]:
        """Yield the warnings for what a Dockerfile reads.

        Args:
            target: the target that is built.
            sources: what its Dockerfile reads, in the shape.
            printed: the words of this variant.
        """
        main, named = self._contexts.main(target), self._contexts.named(target)
        for source in sources:
            context = named.get(lookup_name(printed.restore(source.name))) if source.name else main
            if context is None:
                continue
            actual = source._replace(
                word=printed.restore(source.word),
                excludes=tuple(map(printed.restore, source.excludes)),
            )
            key = (context, actual)
            if key not in self._warnings:
                self._warnings[key] = _warning(context, actual)
            warning = self._warnings[key]
            if warning is not None:
                yield warning._replace(word=source.word)


def _warning(context: BuildContext, source: ContextSource) -> Finding | None:
    """Return the warning for a path that an instruction reads from a context."""
    if absence := _absence(context, source):
        message, help_ = absence
        if " " in source.instruction:  # an inherited one, which the marked line does not show
            message = f"{message}; this {source.instruction} reads it"
        code = Code.MISSING_SOURCE
    elif reads_git(context, source):
        message = f"this {source.instruction} can read {DOT_GIT} of {context.title}"
        help_ = f"write `{DOT_GIT}` in {context.ignore_file}"
        if names_git(source.path):
            help_ = "pass what the build needs, such as a version, as a build argument"
        code = Code.READABLE_GIT
    else:
        return None
    return Finding(code, message, help_, source.line, source.word, Severity.WARNING)


def _absence(context: BuildContext, source: ContextSource) -> tuple[str, str] | None:
    """Return why a context does not contain a path, and the remedy; None if it may contain it.

    A path with variables or wildcards may be contained.
    """
    path = source.path
    if not path or "$" in path or source.is_pattern:
        return None
    if not context.contains(path):
        actual = context.followed(path)
        if actual != path:
            return (
                f"{path!r} is a link to {actual!r}, which is not in {context.title}",
                "create it, or let the link lead to a path in the context",
            )
        return f"{path!r} is not in {context.title}", "create it, or correct the path"
    if context.ignores(path) or context.ignores(context.followed(path)):
        ignore_file = context.ignore_file
        return (
            f"{path!r} is not in {context.title}: {ignore_file} excludes it",
            f"write `!{path}` at the end of {ignore_file}, or correct the path",
        )
    return None


def reads_git(context: BuildContext, source: ContextSource) -> bool:
    """Return whether a source can contain a file of the context's folder `.git`.

    Paths with variables are followed up to the first variable.
    """
    if source.is_pattern:
        return _pattern_reads_git(context, source)
    known = source.path.partition("$")
    path = known[0].rpartition("/")[0] if known[1] else known[0]
    path = context.followed(path)
    prefix = f"{path}/" if path else ""
    below = [file[len(prefix) :] for file in context.git_files if file.startswith(prefix)]
    if known[1] or not below:
        return names_git(path) and not context.ignores(path)
    return not all(_is_excluded(source, file) for file in below)


def _pattern_reads_git(context: BuildContext, source: ContextSource) -> bool:
    try:
        matches = compile_pattern(source.path)
        linked = context.linked(source.path)
    except PatternError:
        return False
    if any(names_git(path) and not context.ignores(path) for path in linked):
        return True
    return any(
        matches(path) and not _is_excluded(source, below)
        for file in context.git_files
        for path, below in _splits(file)
    )


def _splits(path: str) -> Iterator[tuple[str, str]]:
    """Yield a path, and each folder above it with the path below that.

    >>> [*_splits("a/b/c")]
    [('a', 'b/c'), ('a/b', 'c'), ('a/b/c', '')]
    """
    parts = path.split("/")
    for depth in range(1, len(parts) + 1):
        yield "/".join(parts[:depth]), "/".join(parts[depth:])


def _is_excluded(source: ContextSource, below: str) -> bool:
    """Return whether `--exclude` excludes a path below the source."""
    if not source.excludes or not below:
        return False
    try:
        return IgnoreMatcher(source.excludes).matches(below)
    except PatternError:
        return False


def names_git(path: str) -> bool:
    """Return whether a path is, or is below, a folder `.git`."""
    return DOT_GIT in path.split("/")
