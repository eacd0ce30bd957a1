"""Decide whether a change of a Dockerfile certainly keeps what its images contain.

These rules reject too much rather than too little. What a program reads cannot be determined, so
variables that programs are known to read stay where they are.
"""

import posixpath
import re
from collections.abc import Iterable, Sequence

from compiler.render.dockerfile import Instruction


_READ_BY_PROGRAMS = re.compile(
    r"""(?:PATH|HOME|USER|LOGNAME|SHELL|TERM|LANG|LANGUAGE|TZ|TMPDIR|TEMP|TMP|CC|CXX|LD|AR|CI|DEBUG
    |VIRTUAL_ENV|SOURCE_DATE_EPOCH|HTTP\w*|HTTPS\w*|\w*(?:PROXY|FLAGS|_HOME|_PATH|_ROOT|_DIR|_CACHE)
    |(?:APT|BUILD|BUILDKIT|BUNDLE|CARGO|CGO|CMAKE|CONDA|CUDA|CURL|DEB\w*|DOTNET|GEM|GIT|GO\w*|GRADLE
    |HF|JAVA|LC|LD|MAKE\w*|MAVEN|MKL|NCCL|NODE|NPM|NUGET|NVIDIA|OMP|OPENBLAS|PERL\w*|PHP|PIP|PKG
    |PNPM|POETRY|PYTHON\w*|R|REQUESTS|ROCM|RUBY\w*|RUST\w*|SSH|SSL|TARGET|TF|TORCH\w*|UV|WGET|XLA
    |YARN)_\w*|(?:BUILD|TARGET)\w*|PYTHON\w*|GO\w*|RUST\w*)\Z""",
    re.VERBOSE | re.IGNORECASE,
)
_PLAIN = frozenset({"RUN", "COPY", "ADD", "ENV", "ARG", "WORKDIR", "USER", "LABEL", "EXPOSE"})
_PLAIN |= {"CMD", "ENTRYPOINT", "STOPSIGNAL", "MAINTAINER"}
"""Instructions before which another one can be moved."""
_FOLDERS = frozenset({"/opt", "/srv", "/usr/local/bin", "/usr/local/sbin", "/usr/local/share"})
"""Folders, not links, that belong to root and have the mode 755 in the usual base images."""
_STANDARD = frozenset(
    {
        *("bin", "boot", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "media", "mnt"),
        *("opt", "proc", "root", "run", "sbin", "srv", "sys", "tmp", "usr", "var", "go"),
    }
)
_NUMBERS = re.compile(r"\d+(?::\d+)?\Z")
_CHANGES = re.compile(r"\b(?:chmod|chown|chgrp|install|ln|mv|mount)\b")


def set_names(step: Instruction) -> tuple[str, ...]:
    """Return the variables that an `ENV` or `ARG` sets, without quotes."""
    if step.keyword == "ARG":
        return tuple(argument.partition("=")[0].strip("'\"") for argument in step.arguments)
    return tuple(name.strip("'\"") for name in step.arguments[::3])


def may_follow(names: Sequence[str], step: Instruction, files: Iterable[str]) -> bool:
    """Return whether variables can be set after an instruction instead of before it.

    Args:
        names: the variables.
        step: the instruction.
        files: the text of the files of build contexts that it may execute.
    """
    if step.keyword not in _PLAIN:
        return False
    texts = [step.text, *(document.content for document in step.heredocs)]
    commands = {word.upper() for text in texts for word in re.findall(r"[A-Za-z]{2,}", text)}
    for name in names:
        if not re.fullmatch(r"\w+", name) or _READ_BY_PROGRAMS.match(name):
            return False
        if step.keyword == "RUN" and name.partition("_")[0].upper() in commands:
            return False
        mention = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
        if any(map(mention.search, texts)):
            return False
        if step.keyword == "RUN" and any(map(mention.search, files)):
            return False
    return True


def may_link(step: Instruction, before: Sequence[Instruction]) -> bool:
    """Return whether a `COPY` certainly has the same result with `--link`.

    `--link` replaces links on the way to the destination, and the owner and mode of folders. So the
    destination must be a folder with default permissions that is not a link, or a new one.

    Args:
        step: the instruction; its base image is an external one.
        before: the instructions of the stage above it.
    """
    if step.keyword != "COPY" or "$" in "".join((*step.flags, *step.arguments)):
        return False
    for flag in step.flags:
        name, _, value = flag.partition("=")
        if name == "--from" or (name == "--chown" and _NUMBERS.match(value)):
            continue
        return False
    return _is_plain_destination(step.arguments[-1], before)


def _is_plain_destination(path: str, before: Sequence[Instruction]) -> bool:
    target = posixpath.normpath(path)
    if not target.startswith("/") or target == "/":
        return False
    folder = target if path.endswith("/") else posixpath.dirname(target)
    texts = [text for step in before for text in _texts(step)]
    if folder in _FOLDERS and target not in _FOLDERS - {folder}:
        return not any(folder in text and _CHANGES.search(text) for text in texts)
    top = target.split("/")[1]
    if top in _STANDARD:
        return False
    mention = re.compile(rf"(?<![\w.-]){re.escape(top)}(?![\w.-])")
    return not any(map(mention.search, texts))


def may_precede(step: Instruction, before: Sequence[Instruction]) -> bool:
    """Return whether a `COPY` can be executed before the instructions above it.

    None of them may mention its destination, or read everything that is copied.
    """
    if step.keyword != "COPY" or step.heredocs or "$" in "".join((*step.flags, *step.arguments)):
        return False
    target = posixpath.normpath(step.arguments[-1])
    if not step.arguments[-1].startswith("/") or target == "/":
        return False
    if any(step.keyword not in _PLAIN for step in before):
        return False
    names = [target, posixpath.basename(target)]
    if step.arguments[-1].endswith("/"):
        names += [posixpath.basename(source.rstrip("/")) for source in step.arguments[:-1]]
    texts = [text for step in before for text in _texts(step)]
    mentions = [re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])") for name in names]
    return not any(mention.search(text) for mention in mentions for text in texts)


def _texts(step: Instruction) -> list[str]:
    return [step.text, *(document.content for document in step.heredocs)]
